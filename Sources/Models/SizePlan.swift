/// At which size a picture is drawn first. A transformer whose positions are squeezed or stretched further than in
/// training draws rubble; the same picture at a size that it was trained at, brought to the wanted one, is whole.
package enum SizePlan: Sendable, Equatable {
  /// The wanted one.
  case direct
  /// A larger one, or of another shape; the picture is then scaled and cut to the wanted size.
  case reduced(from: PictureSize)
  /// A smaller one; the picture is then enlarged, and the last part of its steps drawn again, in windows of at most
  /// `window` pixels a side that overlap.
  case refined(from: PictureSize, window: Int)

  /// How much of the way from noise is gone again over an enlarged picture: less leaves it soft, more doubles things.
  package static let refiningStrength = 0.35

  /// What is drawn first; nil: the wanted size.
  package var first: PictureSize? {
    switch self {
    case .direct: nil
    case .reduced(let size), .refined(let size, _): size
    }
  }
}

extension ModelLimits {
  /// How a picture of a size is drawn.
  /// - Parameters:
  ///   - native: the size that the model was trained at most.
  ///   - step: what sides are multiples of.
  package func plan(for size: PictureSize, native: PictureSize, step: Int) -> SizePlan {
    guard let sizes, let better = better(than: size, step: step)?.nearestLegal(step: step), better != size else { return .direct }
    let area = { (size: PictureSize) in Double(size.width * size.height) }
    guard area(size) > max(area(native), area(better)) else { return .reduced(from: better) }
    let scale = (area(native) / area(size)).squareRoot()
    let small = PictureSize(width: Int(Double(size.width) * scale), height: Int(Double(size.height) * scale))
      .nearestLegal(step: step)
    let first = (self.better(than: small, step: step) ?? small).nearestLegal(step: step)
    return .refined(from: first, window: max(sizes.largest, 2 * step))
  }
}
