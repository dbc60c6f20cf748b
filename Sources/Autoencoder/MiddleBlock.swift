import DiTTensors

/// The lowest level of an `AutoencoderKL`, between its two halves: a resnet, attention, a resnet.
struct MiddleBlock {
  private let before, after: ResnetBlock
  private let attention: PixelAttention?

  init(_ reader: LayerReader, _ configuration: AutoencoderKLConfiguration) throws {
    let (channels, groups) = (configuration.channels[configuration.channels.count - 1], configuration.groups)
    before = try ResnetBlock(reader, "mid_block.resnets.0", inputs: channels, outputs: channels, groups: groups)
    attention = configuration.middleAttention
      ? try PixelAttention(reader, "mid_block.attentions.0", channels: channels, groups: groups) : nil
    after = try ResnetBlock(reader, "mid_block.resnets.1", inputs: channels, outputs: channels, groups: groups)
  }

  /// [1, h, w, C] -> the same.
  func callAsFunction(_ x: Tensor, on backend: Backend, observe: Observer?) throws -> Tensor {
    var x = try before(x, on: backend)
    if let attention {
      x = try attention(x, on: backend)
      try observe?("mid_attention", planes(x))
    }
    x = try after(x, on: backend)
    try observe?("mid", planes(x))
    return x
  }
}
