import DiTCharts
import DiTImage

/// The loss against the samples: of each step a dot would be noise, so that of many together.
package struct LossCurve: Sendable, Equatable {
  private var means: [Float]
  private static let window = 25

  /// - Parameter losses: of each step.
  package init(_ losses: [Float] = []) {
    means = losses.indices.map { Self.mean(losses[...$0]) }
  }

  /// Of the last steps.
  static func mean(_ losses: some BidirectionalCollection<Float>) -> Float {
    let last = losses.suffix(window)
    return last.isEmpty ? 0 : last.reduce(0, +) / Float(last.count)
  }

  /// - Parameters:
  ///   - mean: of the last steps.
  ///   - samples: learnt from by then; what was there of later steps is forgotten.
  package mutating func add(_ mean: Float, samples: Int) {
    means.removeLast(max(0, means.count + 1 - samples / LessonOrder.batch))
    means.append(mean)
  }

  package func drawn(width: Int = 800) -> Picture {
    let points = means.enumerated().map { (x: Double(($0.offset + 1) * LessonOrder.batch), y: Double($0.element)) }
    return LineChart(
      title: "loss", xTitle: "samples", yTitle: "loss, mean of \(Self.window) steps", series: [LineChart.Series("", points)]
    ).drawn(width: width, height: 360)
  }
}
