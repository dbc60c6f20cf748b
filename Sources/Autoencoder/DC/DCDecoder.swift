import DiTCheckpoints
import DiTTensors

/// The decoder of `AutoencoderDC`: conv -> levels of blocks, from the latents up, each but the first after a doubling -> norm,
/// activation, conv to RGB.
struct DCDecoder {
  private struct Level {
    let index: Int
    let upsample: DCUpsample?
    let blocks: [DCBlock]
    let attends: Bool
  }

  private enum Last {
    case convolution(Convolution)
    /// Where the level of the picture itself has no blocks.
    case upsample(DCUpsample)
  }

  private let first: Convolution
  private let repeats: Bool
  /// From the latents on.
  private let levels: [Level]
  private let norm: PixelNorm
  private let activation: Activation
  private let last: Last
  private let tiling: Tiling
  /// Numbers of a row of pixels at the last level, for each of its pixels.
  private let width: Int

  /// - Parameter parameters: the whole autoencoder's, under diffusers' names.
  init(_ configuration: AutoencoderDCConfiguration, tiling: Tiling, _ parameters: Parameters) throws {
    let decoder = parameters.stage("decoder", .picture).scoped("decoder.")
    let all = configuration.decoder
    self.tiling = tiling
    repeats = configuration.decoderShortcut
    activation = configuration.lastActivation
    let (deepest, shuffles) = (all.count - 1, configuration.shufflesUp)
    first = try decoder.convolution(
      "conv_in", all[deepest].channels, configuration.latentChannels, on: .pixels(1), precise: true)
    levels = try all.indices.reversed().filter { all[$0].layers > 0 }.map { index in
      let (level, block, scale) = (all[index], decoder.scoped("up_blocks.\(index)."), 1 << (deepest - index))
      let upsample = index < deepest
        ? try DCUpsample(level.channels, all[index + 1].channels, shuffles: shuffles, scale: scale, block.scoped("0.")) : nil
      let blocks = try (0..<level.layers).map { layer in
        try DCBlock(
          level, headSize: configuration.headSize, tiling: tiling,
          block.scoped("\(layer + (upsample == nil ? 0 : 1))."), on: .pixels(scale), precise: false)
      }
      return Level(index: index, upsample: upsample, blocks: blocks, attends: level.attends)
    }
    width = all.first { $0.layers > 0 }?.channels ?? 1
    norm = try PixelNorm("norm_out", width, .rms, decoder)
    last = all[0].layers > 0
      ? .convolution(try decoder.convolution("conv_out", 3, width, on: .pixels(configuration.scaleFactor), precise: true))
      : .upsample(
        try DCUpsample(
          3, width, shuffles: shuffles, shortcut: false, scale: configuration.scaleFactor, precise: true,
          decoder.scoped("conv_out.")))
  }

  /// [1, h, w, C] float32 -> [1, H, W, 3] float32 in −1…1.
  ///
  /// Levels after the last one with attention look at pixels nearby alone, and are the largest: they come in bands.
  func callAsFunction(_ latents: Tensor, on backend: Backend, probe: Probe?) throws -> Tensor {
    var x = try backend.convolved(first, latents, type: .f32)  // [1, h, w, C₀]
    if repeats { try backend.add(x, latents.channelsRepeated(to: first.outputs), into: x) }
    try probe?(.convolvedLatents, x)
    let whole = 1 + (levels.lastIndex(where: \.attends) ?? -1)
    for level in levels[..<whole] { x = try layers(level, on: backend, probe: probe).reduce(x) { try $1.run($0) } }
    let local = try levels[whole...].flatMap { try layers($0, on: backend, probe: probe) } + [end(on: backend)]
    let scale = local.reduce(1) { $0 * $1.up }
    let rows = tiling.bandRows(numbers: scale * scale * x.shape[2] * width, scale: scale)
    return try inBands(x, rows: rows, local)
  }

  private func layers(_ level: Level, on backend: Backend, probe: Probe?) throws -> [LocalLayer] {
    let blocks = level.blocks.map { block in LocalLayer(margin: 2) { try block($0, on: backend) } }
    let upsample = level.upsample.map { upsample in LocalLayer(margin: 1, up: 2) { try upsample($0, on: backend) } }
    let shown = LocalLayer(margin: 0) { x in
      try probe?(.up(level.index), x)
      return x
    }
    return (upsample.map { [$0] } ?? []) + blocks + (probe == nil ? [] : [shown])
  }

  private func end(on backend: Backend) -> LocalLayer {
    func normed(_ x: Tensor) throws -> Tensor {
      let h = try x.copy()
      try norm(h, on: backend)
      try backend.activate(activation, h, into: h)
      return h
    }
    return switch last {
    case .convolution(let convolution):
      LocalLayer(margin: 1) { try backend.convolved(convolution, normed($0), type: .f32) }
    case .upsample(let upsample): LocalLayer(margin: 1, up: 2) { try upsample(normed($0), on: backend) }
    }
  }
}
