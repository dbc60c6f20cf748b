import DiTImage
import DiTModels
import DiTTextToImage
import Foundation

/// What leaving out costs a model's pictures, for several thresholds of the first-block cache and with guidance's difference
/// used again: each is drawn in full and with less, and the two are compared.
package struct CacheCalibration: Sendable, Encodable {
  /// One setting over all pictures.
  package struct Row: Sendable, Encodable {
    package let threshold: Float
    package let guidanceEvery: Int
    /// Times fewer multiply-adds.
    package let factor: Double
    /// Mean absolute difference to the full pictures, of 255: over all pictures, and of the one with the largest.
    package let meanDifference, worstDifference: Double
    /// Mean over the pictures, in dB.
    package let psnr: Double
  }

  package let pictures: Int
  package let rows: [Row]
  /// The setting that saves most within the bounds; nil: none does.
  package let chosen: CacheSettings?

  /// What a setting may cost.
  package static let leastPSNR = 30.0, largestDifference = 3.0
  /// Where among all changes that were seen the thresholds lie that are tried.
  private static let quantiles = [0.25, 0.5, 0.75, 1]

  /// - Parameter progress: is told the part of the work that is done, and what is being tried.
  /// - Throws: what drawing throws.
  package init(
    _ requests: [GenerationRequest], in session: DrawingSession, progress: (Double, String) throws -> Void = { _, _ in }
  ) throws {
    let everies = [1, 2]
    let total = Double(1 + CacheCalibration.quantiles.count * everies.count)
    var done = 0.0
    func draw(_ threshold: Float, _ every: Int) throws -> [GeneratedPicture] {
      let asked = requests.map { request in
        var request = request
        (request.cacheThreshold, request.guidanceEvery) = (threshold, every)
        return request
      }
      let text = "threshold \(threshold), guidance every \(every)"
      defer { done += 1 }
      return try session.drawAll(asked) { part, _ in try progress((done + part) / total, text) }
    }
    // With a threshold of 0 everything is computed, and every change is seen.
    let full = try draw(0, 1)
    let changes = full.flatMap { $0.saved?.changes ?? [] }.sorted()
    let thresholds = CacheCalibration.quantiles.compactMap { quantile -> Float? in
      guard let last = changes.indices.last else { return nil }
      // Three digits, rounded up: the change itself is to pass.
      let change = changes[Int((Double(last) * quantile).rounded())]
      return min(1, Float((Double(change) * 1000).rounded(.up) / 1000))
    }
    var rows: [Row] = []
    for every in everies {
      for threshold in thresholds where !rows.contains(where: { $0.threshold == threshold && $0.guidanceEvery == every }) {
        try rows.append(Row(threshold, every, draw(threshold, every), full: full))
      }
    }
    pictures = requests.count
    self.rows = rows
    chosen = rows.filter { $0.psnr >= Self.leastPSNR && $0.meanDifference < Self.largestDifference }
      .max { $0.factor < $1.factor }.map { CacheSettings(threshold: $0.threshold, guidanceEvery: $0.guidanceEvery) }
  }
}

extension CacheCalibration.Row {
  fileprivate init(_ threshold: Float, _ every: Int, _ drawn: [GeneratedPicture], full: [GeneratedPicture]) {
    let pairs = zip(drawn, full).map { ($0.picture.pixels, $1.picture.pixels) }
    let differences = pairs.map { a, b in
      zip(a, b).reduce(0.0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(max(1, a.count))
    }
    let errors = pairs.map { a, b in
      zip(a, b).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) } / Double(max(1, a.count))
    }
    (self.threshold, guidanceEvery) = (threshold, every)
    factor = drawn.compactMap(\.saved).together.factor
    meanDifference = differences.reduce(0, +) / Double(max(1, differences.count))
    worstDifference = differences.max() ?? 0
    // Equal pictures count as 60 dB: less than a level of 255 in all.
    psnr = errors.reduce(0) { $0 + min(60, 10 * log10(255 * 255 / max(1e-9, $1))) } / Double(max(1, errors.count))
  }
}
