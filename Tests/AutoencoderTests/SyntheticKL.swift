import DiTTensors

/// The tensors of a random `AutoencoderKL` under diffusers' names, written down independently of the readers.
struct SyntheticKL {
  private(set) var tensors: [String: Tensor] = [:]
  private var numbers = Numbers(11)

  /// - Parameters:
  ///   - channels: from the picture down.
  ///   - layers: resnets of a level of the encoder.
  init(channels: [Int], layers: Int, latents: Int = 4, quant: Bool = true) throws {
    let deepest = channels[channels.count - 1]
    for (half, ends) in [("encoder", (3, 2 * latents)), ("decoder", (latents, 3))] {
      let order = half == "encoder" ? channels : channels.reversed()
      try convolution("\(half).conv_in", order[0], ends.0)
      for index in order.indices {
        let encoder = half == "encoder"
        let name = "\(half).\(encoder ? "down" : "up")_blocks.\(index)"
        for layer in 0..<(encoder ? layers : layers + 1) {
          try resnet("\(name).resnets.\(layer)", layer == 0 ? order[max(0, index - 1)] : order[index], order[index])
        }
        guard index + 1 < order.count else { continue }
        try convolution("\(name).\(encoder ? "down" : "up")samplers.0.conv", order[index], order[index])
      }
      for index in 0..<2 { try resnet("\(half).mid_block.resnets.\(index)", deepest, deepest) }
      try norm("\(half).mid_block.attentions.0.group_norm", deepest)
      for part in ["to_q", "to_k", "to_v", "to_out.0"] {
        try matrix("\(half).mid_block.attentions.0.\(part)", [deepest, deepest])
      }
      try norm("\(half).conv_norm_out", order[order.count - 1])
      try convolution("\(half).conv_out", ends.1, order[order.count - 1])
    }
    guard quant else { return }
    try matrix("quant_conv", [2 * latents, 2 * latents, 1, 1])
    try matrix("post_quant_conv", [latents, latents, 1, 1])
  }

  subscript(name: String) -> Tensor? {
    get { tensors[name] }
    set { tensors[name] = newValue }
  }

  private mutating func resnet(_ name: String, _ inputs: Int, _ outputs: Int) throws {
    try norm(name + ".norm1", inputs)
    try convolution(name + ".conv1", outputs, inputs)
    try norm(name + ".norm2", outputs)
    try convolution(name + ".conv2", outputs, outputs)
    if inputs != outputs { try matrix(name + ".conv_shortcut", [outputs, inputs, 1, 1]) }
  }

  private mutating func convolution(_ name: String, _ outputs: Int, _ inputs: Int) throws {
    try matrix(name, [outputs, inputs, 3, 3])
  }

  /// Unit gain: every layer matters.
  private mutating func matrix(_ name: String, _ shape: [Int]) throws {
    let inputs = shape.dropFirst().reduce(1, *)
    try tensors[name + ".weight"] = numbers.tensor(shape, scale: (3 / Float(inputs)).squareRoot())
    try tensors[name + ".bias"] = numbers.tensor([shape[0]], scale: 0.2)
  }

  private mutating func norm(_ name: String, _ channels: Int) throws {
    try tensors[name + ".weight"] = numbers.tensor([channels], scale: 0.3, around: 1)
    try tensors[name + ".bias"] = numbers.tensor([channels], scale: 0.3)
  }
}
