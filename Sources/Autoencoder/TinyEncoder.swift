import DiTCheckpoints
import DiTTensors

/// The encoder of TAESD: conv, then levels of blocks, each but the first behind a conv of stride 2; conv to latents.
struct TinyEncoder {
  private struct Level {
    /// Leads into this level.
    let change: Convolution?
    let blocks: [TinyBlock]
  }

  private let first, last: Convolution
  private let levels: [Level]

  /// - Parameter checkpoint: tensors `layers.N…`, N the index in the Sequential.
  init(_ configuration: TinyAutoencoderConfiguration, _ checkpoint: Checkpoint, backend: Backend) throws {
    let reader = LayerReader(checkpoint: checkpoint.scoped("layers."), backend: backend)
    let channels = configuration.encoderChannels
    first = try reader.convolution("0", channels[0], 3)
    var index = 1
    levels = try channels.indices.map { level in
      var change: Convolution?
      if level > 0 {
        change = try reader.convolution("\(index)", channels[level], channels[level - 1], bias: false)
        index += 1
      }
      let blocks = try (0..<configuration.encoderBlocks[level]).map {
        try TinyBlock(reader, "\(index + $0)", channels: channels[level])
      }
      index += blocks.count
      return Level(change: change, blocks: blocks)
    }
    last = try reader.convolution("\(index)", configuration.latentChannels, channels[channels.count - 1])
  }

  /// [1, H, W, 3] float32 in 0…1 -> [1, h, w, C] float32.
  ///
  /// The last level is cheap, and the only one that may look at all pixels: it is never cut into tiles.
  /// - Parameter side: of a tile in pixels of the picture, or nil.
  func callAsFunction(_ picture: Tensor, side: Int?, on backend: Backend) throws -> Tensor {
    let whole = min(levels.count - 1, levels.firstIndex { $0.blocks.contains(where: \.seesEverything) } ?? levels.count)
    let tiled = levels[..<whole]
    let step = 1 << max(0, whole - 1)  // pixels of the picture along one of what the tiles make
    let align = { (size: Int) in (size + step - 1) / step * step }
    var x = try tiled.isEmpty
      ? backend.convolved(first, picture)
      : inExactTiles(picture, side: side.map(align), margin: align(margin(tiled)), down: step) {
        try run(tiled, backend.convolved(first, $0), on: backend)
      }
    x = try run(levels[whole...], x, on: backend)
    return try backend.convolved(last, x, type: .f32)
  }

  private func run(_ levels: ArraySlice<Level>, _ x: Tensor, on backend: Backend) throws -> Tensor {
    var x = x
    for level in levels {
      if let change = level.change { x = try backend.convolved(change, x, stride: 2) }
      for block in level.blocks { x = try block(x, on: backend) }
    }
    return x
  }

  /// How many pixels away a result still depends on: one a convolution, twice as many across a halving.
  private func margin(_ levels: ArraySlice<Level>) -> Int {
    levels.reversed().reduce(0) { margin, level in
      let here = margin + 3 * level.blocks.count
      return level.change == nil ? here : 2 * here + 1
    } + 1
  }
}
