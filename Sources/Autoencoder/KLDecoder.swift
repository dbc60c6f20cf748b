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

  /// - Parameter checkpoint: the whole autoencoder under diffusers' names.
  init(_ configuration: AutoencoderKLConfiguration, _ checkpoint: Checkpoint, backend: Backend) throws {
    let reader = LayerReader(checkpoint: checkpoint.scoped("decoder."), backend: backend)
    let (latents, groups) = (configuration.latentChannels, configuration.groups)
    let channels = Array(configuration.channels.reversed())
    postQuant = configuration.postQuantConvolution
      ? try LayerReader(checkpoint: checkpoint, backend: backend)
        .pointwise(["post_quant_conv"], latents, latents, precise: true) : nil
    first = try reader.convolution("conv_in", channels[0], latents, precise: true)
    middle = try MiddleBlock(reader, configuration)
    levels = try channels.indices.map { level in
      let name = "up_blocks.\(level)"
      let resnets = try (0...configuration.layersPerBlock).map { index in
        try ResnetBlock(
          reader, "\(name).resnets.\(index)", inputs: index == 0 ? channels[max(0, level - 1)] : channels[level],
          outputs: channels[level], groups: groups)
      }
      let upsample = level + 1 < channels.count
        ? try reader.convolution("\(name).upsamplers.0.conv", channels[level], channels[level]) : nil
      return Level(resnets: resnets, upsample: upsample)
    }
    let width = channels[channels.count - 1]
    norm = try reader.norm("conv_norm_out", width, groups: groups, eps: 1e-6)
    last = try reader.convolution("conv_out", 3, width, precise: true)
  }

  /// [1, h, w, C] float32 -> [1, H, W, 3] float32 in −1…1.
  func callAsFunction(_ latents: Tensor, on backend: Backend, observe: Observer?) throws -> Tensor {
    let z = try postQuant.map { try backend.pointwise($0, latents, type: .f32) } ?? latents
    var x = try backend.convolved(first, z, type: .f32)  // [1, h, w, C₀]
    try observe?("conv_in", planes(x))
    x = try middle(x, on: backend, observe: observe)
    for (index, level) in levels.enumerated() {
      for resnet in level.resnets { x = try resnet(x, on: backend) }
      if let upsample = level.upsample {
        x = try backend.convolved(upsample, x, upsample: 2, type: .f32)  // [1, 2h, 2w, C]
      }
      try observe?("up\(index)", planes(x))
    }
    try backend.normalise(norm, x, activation: .silu, into: x)
    return try backend.convolved(last, x, type: .f32)
  }
}
