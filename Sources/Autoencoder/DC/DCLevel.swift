import DiTTensors

/// A level of one half of an `AutoencoderDC`.
package struct DCLevel: Sendable {
  let channels: Int
  /// Blocks of it; only the level of the picture itself may have none.
  let layers: Int
  /// Whether its blocks are EfficientViT's.
  let attends: Bool
  /// Sides of the surroundings that attention looks at beside the pixels.
  let scales: [Int]
  let norm: PixelNorm.Kind
  let activation: Activation

  static let activations: [String: Activation] = ["silu": .silu, "swish": .silu, "relu": .relu, "gelu": .geluErf]

  /// As configurations call an activation.
  static func name(of activation: Activation) -> String { activations.filter { $0.value == activation }.keys.min() ?? "silu" }

  /// What is wrong with the levels of a half, from the picture down; nil: nothing.
  /// - Parameter pixelChannels: whether halving makes channels of pixels.
  static func problem(_ levels: [DCLevel], headSize: Int, pixelChannels: Bool) -> String? {
    guard (2...10).contains(levels.count) else { return "have \(levels.count) levels, expected 2 to 10" }
    for (index, level) in levels.enumerated() {
      guard (1...16_384).contains(level.channels) else { return "have \(level.channels) channels, expected 1 to 16384" }
      guard (index == 0 ? 0 : 1)...64 ~= level.layers else {
        return "have \(level.layers) layers in level \(index), expected \(index == 0 ? 0 : 1) to 64"
      }
      guard !level.attends || level.channels >= headSize else {
        return "have \(level.channels) channels in level \(index), fewer than attention_head_dim \(headSize)"
      }
      guard level.scales.count <= 8, level.scales.allSatisfy({ (1...31).contains($0) && $0 % 2 == 1 }) else {
        return "have the scales \(level.scales.prefix(9)) in level \(index), expected odd numbers up to 31"
      }
    }
    // Those are looked at even where a network is only listed.
    let taps = levels.reduce(0) { $0 + $1.layers * $1.channels * $1.scales.reduce(72) { $0 + 3 * $1 * $1 } }
    guard taps <= 1 << 24 else { return "have \(taps) numbers in convolutions of single channels, expected at most 16777216" }
    let inner = levels.drop { $0.layers == 0 }
    if pixelChannels, levels[0].layers == 0, let first = inner.first, first.channels % 4 != 0 {
      return "cannot go from 3 to \(first.channels) channels"
    }
    for (level, next) in zip(inner, inner.dropFirst()) {
      let fits = max(4 * level.channels, next.channels) % min(4 * level.channels, next.channels) == 0
      guard fits, 4 * level.channels >= next.channels, !pixelChannels || next.channels % 4 == 0 else {
        return "cannot go from \(level.channels) to \(next.channels) channels"
      }
    }
    return nil
  }
}
