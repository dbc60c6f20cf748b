import DiTCheckpoints
import DiTTensors

/// The lowest level of an `AutoencoderKL`, between its two halves: a resnet, attention, a resnet.
struct MiddleBlock {
  private let before, after: ResnetBlock
  private let attention: PixelAttention?

  init(_ configuration: AutoencoderKLConfiguration, _ parameters: Parameters, on rows: Rows, precise: Bool) throws {
    let (channels, groups) = (configuration.channels[configuration.channels.count - 1], configuration.groups)
    func resnet(_ index: Int) throws -> ResnetBlock {
      try ResnetBlock(
        parameters.scoped("mid_block.resnets.\(index)."), inputs: channels, outputs: channels, groups: groups, on: rows,
        precise: precise)
    }
    before = try resnet(0)
    attention = configuration.middleAttention
      ? try PixelAttention(
        parameters.scoped("mid_block.attentions.0."), channels: channels, groups: groups, on: rows, precise: precise)
      : nil
    after = try resnet(1)
  }

  /// [1, h, w, C] -> the same.
  func callAsFunction(_ x: Tensor, on backend: Backend, probe: Probe?) throws -> Tensor {
    var x = try before(x, on: backend)
    if let attention {
      x = try attention(x, on: backend)
      try probe?(.middleAttention, x)
    }
    x = try after(x, on: backend)
    try probe?(.middle, x)
    return x
  }
}
