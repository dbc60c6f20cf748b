/// Width × height in pixels.
public struct PictureSize: Hashable, Sendable, CustomStringConvertible {
  /// Pixels of a row.
  public var width: Int
  /// Rows.
  public var height: Int

  /// Any size; what a model can draw, ``nearestLegal(step:)`` tells.
  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Reads "384x256".
  public init?(_ text: String) {
    let parts = text.lowercased().split(separator: "x", omittingEmptySubsequences: false)
    guard parts.count == 2, let width = Int(parts[0]), let height = Int(parts[1]), width > 0, height > 0 else { return nil }
    self.init(width: width, height: height)
  }

  /// "384x256".
  public var description: String { "\(width)x\(height)" }

  /// Smallest and largest side that is drawn; models that were trained at larger sizes draw up to 2048.
  public static let limits = 64...1024
  /// The largest side that any model draws.
  package static let largest = 2048

  /// The closest size whose sides are multiples of `step` within ``limits``.
  public func nearestLegal(step: Int) -> PictureSize { nearestLegal(step: step, within: PictureSize.limits) }

  package func nearestLegal(step: Int, within limits: ClosedRange<Int>) -> PictureSize {
    func nearest(_ side: Int) -> Int {
      let clamped = min(max(side, limits.lowerBound), limits.upperBound)
      let low = clamped / step * step
      let candidates = [low, low + step].filter(limits.contains)
      return candidates.min { abs($0 - clamped) < abs($1 - clamped) } ?? low
    }
    return PictureSize(width: nearest(width), height: nearest(height))
  }
}
