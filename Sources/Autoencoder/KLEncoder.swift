import DiTCheckpoints
import DiTTensors

/// The encoder of `AutoencoderKL`: RGB in −1…1 -> levels of resnets, each but the last halved -> middle -> moments.
///
/// It computes in float32 whatever the backend's precision: it runs once a picture, and what is drawn starts from its
/// few numbers (bfloat16 would cost an NMSE of 2e-4).
struct KLEncoder {
  private struct Level {
    let resnets: [ResnetBlock]
    /// Stride 2, with a row and a column of zeros after the picture and none before it.
    let downsample: Convolution?
  }

  private let first, last: Convolution
  private let levels: [Level]
  private let middle: MiddleBlock
  private let norm: GroupNormalisation
  private let quant: Linear?

  /// - Parameter checkpoint: the whole autoencoder under diffusers' names.
  init(_ configuration: AutoencoderKLConfiguration, _ checkpoint: Checkpoint, backend: Backend) throws {
    let reader = LayerReader(checkpoint: checkpoint.scoped("encoder."), backend: backend, precise: true)
    let (channels, moments) = (configuration.channels, 2 * configuration.latentChannels)
    let width = channels[channels.count - 1]
    first = try reader.convolution("conv_in", channels[0], 3)
    levels = try channels.indices.map { level in
      let name = "down_blocks.\(level)"
      let resnets = try (0..<configuration.layersPerBlock).map { index in
        try ResnetBlock(
          reader, "\(name).resnets.\(index)", inputs: index == 0 ? channels[max(0, level - 1)] : channels[level],
          outputs: channels[level], groups: configuration.groups)
      }
      let downsample = level + 1 < channels.count
        ? try reader.convolution("\(name).downsamplers.0.conv", channels[level], channels[level]) : nil
      return Level(resnets: resnets, downsample: downsample)
    }
    middle = try MiddleBlock(reader, configuration)
    norm = try reader.norm("conv_norm_out", width, groups: configuration.groups, eps: 1e-6)
    last = try reader.convolution("conv_out", moments, width)
    quant = configuration.quantConvolution
      ? try LayerReader(checkpoint: checkpoint, backend: backend)
        .pointwise(["quant_conv"], moments, moments, precise: true) : nil
  }

  /// [1, H, W, 3] float32 in −1…1 -> [1, h, w, 2C] float32: means, then logarithms of variances.
  func callAsFunction(_ picture: Tensor, on backend: Backend, observe: Observer?) throws -> Tensor {
    var x = try backend.convolved(first, picture, type: .f32)  // [1, H, W, C₀]
    for (index, level) in levels.enumerated() {
      for resnet in level.resnets { x = try resnet(x, on: backend) }
      if let downsample = level.downsample {
        x = try backend.convolved(downsample, x, stride: 2, padEndOnly: true, type: .f32)  // [1, H/2, W/2, C]
      }
      try observe?("down\(index)", planes(x))
    }
    x = try middle(x, on: backend, observe: observe)
    try backend.normalise(norm, x, activation: .silu, into: x)
    x = try backend.convolved(last, x, type: .f32)
    return try quant.map { try backend.pointwise($0, x, type: .f32) } ?? x
  }
}
