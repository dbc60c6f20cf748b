import Foundation

/// One side of a chart: from which number to which, and where a tick stands.
struct Axis: Equatable {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  let ticks: [Double]
  /// The digits after the point that tell the ticks apart; nil on a logarithmic axis, where each has its own.
  private let digits: Int?

  /// An axis that holds all of `values` (those that have a place on it) and ends on ticks.
  init(holding values: some Sequence<Double>, isLogarithmic: Bool = false, fromZero: Bool = false, tickCount: Int = 6) {
    self.isLogarithmic = isLogarithmic
    var usable = values.filter { $0.isFinite && abs($0) < 1e300 && (!isLogarithmic || $0 > 1e-300) }
    if fromZero && !isLogarithmic { usable.append(0) }
    var low = usable.min() ?? (isLogarithmic ? 1 : 0)
    var high = usable.max() ?? (isLogarithmic ? 10 : 1)

    guard !isLogarithmic else {
      // 1, 2 and 5 within two decades; beyond that, decades, and not too many of them.
      let decades = log10(high) - log10(low)
      let mantissas: [Double] = decades <= 2.5 ? [1, 2, 5] : [1]
      let stride = max(1, Int((decades / Double(max(2, tickCount))).rounded()))
      let first = Int(log10(low).rounded(.down))
      let last = Int(log10(high).rounded(.up)) + stride
      let all = Swift.stride(from: first, through: last, by: stride).flatMap { power in
        mantissas.map { $0 * pow(10, Double(power)) }
      }
      let below = all.last { $0 <= low * 1.000001 } ?? low
      let above = all.first { $0 >= high * 0.999999 && $0 > below } ?? high
      (self.low, self.high, digits) = (below, above, nil)
      ticks = all.filter { $0 >= below && $0 <= above }
      return
    }
    if high - low <= max(abs(low), abs(high)) * 1e-9 {  // equal, or too close for numbers between them
      low -= max(1, abs(low)) * 0.5
      high += max(1, abs(high)) * 0.5
      if fromZero { (low, high) = (min(0, low), max(0, high)) }
    }
    let rough = (high / 2 - low / 2) / Double(max(2, tickCount)) * 2
    let power = pow(10, log10(rough).rounded(.down))
    let step = power * ([1, 2, 2.5, 5, 10].first { $0 * power >= rough * 0.999 } ?? 10)
    let first = (low / step + 1e-9).rounded(.down)
    let last = (high / step - 1e-9).rounded(.up)
    (self.low, self.high) = (first * step, last * step)
    ticks = (0...min(64, max(1, Int(last - first)))).map { (first + Double($0)) * step }
    let exponent = Int(log10(step).rounded(.down))
    digits = max(0, -exponent + (abs(step / power - 2.5) < 0.01 ? 1 : 0))
  }

  /// Where a value stands: 0 at the low end, 1 at the high one; nil where it has no place on the axis.
  func position(_ value: Double) -> Double? {
    guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
    let place =
      isLogarithmic
      ? (log10(value) - log10(low)) / (log10(high) - log10(low))
      : (value / 2 - low / 2) / (high / 2 - low / 2)
    return place > -0.01 && place < 1.01 ? place : nil
  }

  /// The text at a tick.
  func label(_ tick: Double) -> String {
    let size = abs(tick)
    if size != 0 && (size >= 1e6 || size < 1e-4) { return Axis.short(tick) }
    guard let digits, digits <= 6 else { return Axis.short(tick) }
    let text = String(format: "%.\(digits)f", tick)
    return (Double(text) == 0 ? text.replacing("-", with: "") : text).replacing("-", with: "−")
  }

  /// A number in about three digits.
  static func short(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let size = abs(value)
    let text =
      switch size {
      case 0: "0"
      case 1e6..., ..<1e-3: String(format: "%.3g", value)
      case 100...: String(format: "%.0f", value)
      case 10...: trimmed(String(format: "%.1f", value))
      default: trimmed(String(format: "%.\(size < 0.1 ? 4 : size < 1 ? 3 : 2)f", value))
      }
    return text.replacing("-", with: "−")
  }

  private static func trimmed(_ text: String) -> String {
    var text = text
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }
}
