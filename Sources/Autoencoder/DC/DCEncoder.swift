import DiTCheckpoints
import DiTTensors

/// The encoder of `AutoencoderDC`: conv -> levels of blocks, each but the last halved -> conv, with a shortcut that averages
/// channels. What it makes are the latents themselves. In float32, as ``KLEncoder`` is.
struct DCEncoder {
  private struct Level {
    let index: Int
    let blocks: [DCBlock]
    let downsample: DCDownsample?
    let attends: Bool
  }

  private enum First {
    case convolution(Convolution)
    /// Where the level of the picture itself has no blocks.
    case downsample(DCDownsample)
  }

  private let first: First
  private let levels: [Level]
  private let last: Convolution
  private let averages: Bool
  private let tiling: Tiling
  private let width: Int

  /// - Parameter parameters: the whole autoencoder's, under diffusers' names.
  init(_ configuration: AutoencoderDCConfiguration, tiling: Tiling, _ parameters: Parameters) throws {
    let encoder = parameters.stage("encoder (for --image alone)", .picture).scoped("encoder.")
    let (all, shuffles) = (configuration.encoder, configuration.shufflesDown)
    self.tiling = tiling
    averages = configuration.encoderShortcut
    let start = all[0].layers > 0 ? 0 : 1
    width = all[start].channels
    first = start == 0
      ? .convolution(try encoder.convolution("conv_in", width, 3, on: .uncounted, precise: true))
      : .downsample(try DCDownsample(width, 3, shuffles: shuffles, shortcut: false, encoder.scoped("conv_in.")))
    levels = try (start..<all.count).map { index in
      let (level, block) = (all[index], encoder.scoped("down_blocks.\(index)."))
      let blocks = try (0..<level.layers).map { layer in
        try DCBlock(
          level, headSize: configuration.headSize, tiling: tiling, block.scoped("\(layer)."), on: .uncounted, precise: true)
      }
      let downsample = index + 1 < all.count
        ? try DCDownsample(all[index + 1].channels, level.channels, shuffles: shuffles, block.scoped("\(level.layers).")) : nil
      return Level(index: index, blocks: blocks, downsample: downsample, attends: level.attends)
    }
    last = try encoder.convolution(
      "conv_out", configuration.latentChannels, all[all.count - 1].channels, on: .uncounted, precise: true)
  }

  /// [1, H, W, 3] float32 in −1…1 -> [1, h, w, C] float32.
  func callAsFunction(_ picture: Tensor, on backend: Backend, probe: Probe?) throws -> Tensor {
    let local = levels.prefix { !$0.attends }
    let layers = [beginning(on: backend, probe: probe)] + local.flatMap { self.layers($0, on: backend, probe: probe) }
    var x = try inBands(picture, rows: tiling.bandRows(numbers: picture.shape[2] * width, scale: 1), layers)
    for level in levels[local.count...] { x = try self.layers(level, on: backend, probe: probe).reduce(x) { try $1.run($0) } }
    let latents = try backend.convolved(last, x, type: .f32)
    if averages { try backend.add(latents, x.channelsAveraged(to: last.outputs), into: latents) }
    return latents
  }

  private func beginning(on backend: Backend, probe: Probe?) -> LocalLayer {
    func shown(_ x: Tensor) throws -> Tensor {
      try probe?(.convolvedPicture, x)
      return x
    }
    return switch first {
    case .convolution(let convolution): LocalLayer(margin: 1) { try shown(backend.convolved(convolution, $0, type: .f32)) }
    case .downsample(let downsample): LocalLayer(margin: 2, down: 2) { try shown(downsample($0, on: backend)) }
    }
  }

  private func layers(_ level: Level, on backend: Backend, probe: Probe?) -> [LocalLayer] {
    let blocks = level.blocks.map { block in LocalLayer(margin: 2) { try block($0, on: backend) } }
    let downsample = level.downsample.map { layer in LocalLayer(margin: 2, down: 2) { try layer($0, on: backend) } }
    let shown = LocalLayer(margin: 0) { x in
      try probe?(.down(level.index), x)
      return x
    }
    return blocks + (downsample.map { [$0] } ?? []) + (probe == nil ? [] : [shown])
  }
}
