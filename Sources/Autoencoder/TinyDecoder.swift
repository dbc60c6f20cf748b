import DiTCheckpoints
import DiTTensors

/// The decoder of TAESD: conv, ReLU, then levels of blocks, each but the last doubled and followed by a conv; conv to
/// RGB.
struct TinyDecoder {
  private struct Level {
    let blocks: [TinyBlock]
    /// Follows the doubling, to the next level's channels.
    let change: Convolution?
  }

  private let first, last: Convolution
  private let levels: [Level]

  /// - Parameter checkpoint: tensors `layers.N…`, N the index in diffusers' Sequential.
  init(_ configuration: TinyAutoencoderConfiguration, _ checkpoint: Checkpoint, backend: Backend) throws {
    let reader = LayerReader(checkpoint: checkpoint.scoped("layers."), backend: backend)
    let channels = configuration.decoderChannels
    first = try reader.convolution("0", channels[0], configuration.latentChannels)
    var index = 2  // 1 is a ReLU
    levels = try channels.indices.map { level in
      let blocks = try (0..<configuration.decoderBlocks[level]).map {
        try TinyBlock(reader, "\(index + $0)", channels: channels[level])
      }
      index += blocks.count
      guard level + 1 < channels.count else { return Level(blocks: blocks, change: nil) }
      index += 2  // the doubling, then the conv
      let change = try reader.convolution("\(index - 1)", channels[level + 1], channels[level], bias: false)
      return Level(blocks: blocks, change: change)
    }
    last = try reader.convolution("\(index)", 3, channels[channels.count - 1])
  }

  /// [1, h, w, C] float32, already clamped -> [1, H, W, 3] float32 in 0…1.
  ///
  /// The first level is cheap, and the only one that may look at all pixels: it is never cut into tiles.
  /// - Parameter side: of a tile in pixels of the picture, or nil.
  func callAsFunction(_ latents: Tensor, side: Int?, on backend: Backend) throws -> Tensor {
    let whole = 1 + (levels.lastIndex { $0.blocks.contains(where: \.seesEverything) } ?? 0)
    var x = try backend.convolved(first, latents, activation: .relu)  // [1, h, w, C₀]
    x = try run(levels[..<whole], x, on: backend)
    let factor = 1 << (levels.count - 1 - min(whole, levels.count - 1))  // pixels of the picture along one of x
    return try inExactTiles(x, side: side.map { max(1, $0 / factor) }, margin: margin(levels[whole...]), up: factor) {
      try backend.convolved(last, run(levels[whole...], $0, on: backend), type: .f32)
    }
  }

  private func run(_ levels: ArraySlice<Level>, _ x: Tensor, on backend: Backend) throws -> Tensor {
    var x = x
    for level in levels {
      for block in level.blocks { x = try block(x, on: backend) }
      if let change = level.change { x = try backend.convolved(change, x, upsample: 2) }  // [1, 2h, 2w, C']
    }
    return x
  }

  /// How many pixels away a result still depends on: one a convolution, half of them across a doubling.
  private func margin(_ levels: ArraySlice<Level>) -> Int {
    levels.reversed().reduce(1) { margin, level in  // 1: the last convolution
      (level.change == nil ? margin : (margin + 2) / 2) + 3 * level.blocks.count
    }
  }
}
