/// How far an array is from the numbers it should hold (whole tensors, never corners of them).
package struct Comparison: Sendable {
  /// Σ(a−b)² / Σa², a the expected numbers.
  package let nmse: Double
  /// max|a−b|.
  package let maxAbsolute: Double
  /// max|a−b| / max|a|.
  package let maxRelative: Double
  /// mean|a−b|.
  package let meanAbsolute: Double

  /// NaN anywhere in `actual` makes every measure infinite, so that it can never pass.
  package init(expected: some Collection<Float>, actual: some Collection<Float>) {
    precondition(expected.count == actual.count, "\(actual.count) numbers against \(expected.count)")
    var error = 0.0, energy = 0.0, worst = 0.0, largest = 0.0, sum = 0.0
    var finite = true
    for (a, b) in zip(expected, actual) {
      let difference = Double(a) - Double(b)
      if !difference.isFinite { finite = false }
      error += difference * difference
      energy += Double(a) * Double(a)
      worst = max(worst, abs(difference))
      largest = max(largest, abs(Double(a)))
      sum += abs(difference)
    }
    let ratio = { (value: Double, scale: Double) in value == 0 ? 0 : value / max(scale, 1e-300) }
    nmse = finite ? ratio(error, energy) : .infinity
    maxAbsolute = finite ? worst : .infinity
    maxRelative = finite ? ratio(worst, largest) : .infinity
    meanAbsolute = finite ? sum / Double(max(1, expected.count)) : .infinity
  }
}
