import DiTCheckpoints
import DiTTensors

/// The decoder of `AutoencoderKL`: latents -> middle -> levels of resnets, each but the last doubled -> RGB in −1…1.
struct KLDecoder {
  private struct Level {
    let resnets: [ResnetBlock]
    /// Follows the nearest-neighbour doubling.
    let upsample: Convolution?
  }

  private let postQuant: Linear?
  private let first, last: Convolution
  private let middle: MiddleBlock
  private let levels: [Level]
  private let norm: GroupNormalisation

  /// - Parameter parameters: the whole autoencoder's, under diffusers' names.
  init(_ configuration: AutoencoderKLConfiguration, _ parameters: Parameters) throws {
    let whole = parameters.stage("decoder", .picture)
    let decoder = whole.scoped("decoder.")
    let (latents, groups) = (configuration.latentChannels, configuration.groups)
    let channels = Array(configuration.channels.reversed())
    postQuant = configuration.postQuantConvolution
      ? try whole.pointwise(
        ["post_quant_conv"], latents, latents, on: .pixels(1), shape: [latents, latents, 1, 1], precise: true) : nil
    first = try decoder.convolution("conv_in", channels[0], latents, on: .pixels(1), precise: true)
    middle = try MiddleBlock(configuration, decoder, on: .pixels(1), precise: false)
    levels = try channels.indices.map { level in
      let block = decoder.scoped("up_blocks.\(level).")
      let resnets = try (0...configuration.layersPerBlock).map { index in
        try ResnetBlock(
          block.scoped("resnets.\(index)."), inputs: index == 0 ? channels[max(0, level - 1)] : channels[level],
          outputs: channels[level], groups: groups, on: .pixels(1 << level), precise: false)
      }
      let upsample = level + 1 < channels.count
        ? try block.convolution("upsamplers.0.conv", channels[level], channels[level], on: .pixels(2 << level)) : nil
      return Level(resnets: resnets, upsample: upsample)
    }
    let width = channels[channels.count - 1]
    norm = try decoder.norm("conv_norm_out", width, groups: groups, eps: 1e-6)
    last = try decoder.convolution("conv_out", 3, width, on: .pixels(configuration.scaleFactor), precise: true)
  }

  /// [1, h, w, C] float32 -> [1, H, W, 3] float32 in −1…1.
  func callAsFunction(_ latents: Tensor, on backend: Backend, probe: Probe?) throws -> Tensor {
    let z = try postQuant.map { try backend.pointwise($0, latents, type: .f32) } ?? latents
    var x = try backend.convolved(first, z, type: .f32)  // [1, h, w, C₀]
    try probe?(.convolvedLatents, x)
    x = try middle(x, on: backend, probe: probe)
    for (index, level) in levels.enumerated() {
      for resnet in level.resnets { x = try resnet(x, on: backend) }
      if let upsample = level.upsample {
        x = try backend.convolved(upsample, x, upsample: 2, type: .f32)  // [1, 2h, 2w, C]
      }
      try probe?(.up(index), x)
    }
    try backend.normalise(norm, x, activation: .silu, into: x)
    return try backend.convolved(last, x, type: .f32)
  }
}
