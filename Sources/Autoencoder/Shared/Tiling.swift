/// Whether large pictures are computed in tiles, which bounds the memory they take.
///
/// A `TinyAutoencoder` gives the same numbers either way. An `AutoencoderKL` does not: its GroupNorms and its
/// attention look at all pixels, so tiles differ a little from the whole and are blended where they overlap.
public enum Tiling: Sendable, Equatable {
  case never
  /// Pictures of more than 1024 × 1024 pixels.
  case automatic
  /// Pictures wider or higher than this many pixels.
  case side(Int)

  /// Pixels along a tile, or nil to compute the picture whole.
  /// - Parameters:
  ///   - usual: the side of a tile where the choice is ours.
  ///   - step: sides are multiples of it, and at least that.
  func side(height: Int, width: Int, usual: Int, step: Int) -> Int? {
    let side: Int
    switch self {
    case .never: return nil
    case .automatic:
      guard height * width > 1_024 * 1_024 else { return nil }
      side = usual
    case .side(let wanted): side = wanted
    }
    let rounded = max(step, side / step * step)
    return height > rounded || width > rounded ? rounded : nil
  }
}
