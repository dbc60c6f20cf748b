import DiTTensors

extension TinyAutoencoderConfiguration {
  /// One convolution: its name in the file, and the side of its output against the latents' (8 is full size).
  private struct Layer {
    let name: String
    let outputs, inputs: Int
    var hasBias = true
    let scale: Int
  }

  /// Pixels along one side of a latent.
  private var factor: Int { 1 << (decoderChannels.count - 1) }

  private func block(_ name: String, _ channels: Int, _ scale: Int) -> [Layer] {
    [0, 2, 4].map { Layer(name: "\(name).conv.\($0)", outputs: channels, inputs: channels, scale: scale) }
  }

  /// Indices count as in the Sequential: ReLU and upsampling take one each.
  private var decoder: [Layer] {
    var layers = [Layer(name: "0", outputs: decoderChannels[0], inputs: latentChannels, scale: 1)]
    var index = 2
    for (level, count) in decoderBlocks.enumerated() {
      layers += (0..<count).flatMap { block("\(index + $0)", decoderChannels[level], 1 << level) }
      index += count
      guard level + 1 < decoderChannels.count else { break }
      layers.append(
        Layer(
          name: "\(index + 1)", outputs: decoderChannels[level + 1], inputs: decoderChannels[level], hasBias: false,
          scale: 2 << level))
      index += 2
    }
    let last = Layer(name: "\(index)", outputs: 3, inputs: decoderChannels[decoderChannels.count - 1], scale: factor)
    return layers + [last]
  }

  private var encoder: [Layer] {
    var layers = [Layer(name: "0", outputs: encoderChannels[0], inputs: 3, scale: factor)]
    var index = 1
    for (level, count) in encoderBlocks.enumerated() {
      let scale = max(1, factor >> level)
      if level > 0 {
        layers.append(
          Layer(
            name: "\(index)", outputs: encoderChannels[level], inputs: encoderChannels[level - 1], hasBias: false,
            scale: scale))
        index += 1
      }
      layers += (0..<count).flatMap { block("\(index + $0)", encoderChannels[level], scale) }
      index += count
    }
    let channels = encoderChannels[encoderChannels.count - 1]
    return layers + [Layer(name: "\(index)", outputs: latentChannels, inputs: channels, scale: 1)]
  }

  /// What decoding latents of `latents` places takes, and what encoding such a picture takes.
  package func costs(latents: Int) -> [StageCost] {
    let sum = { (layers: [Layer]) in
      layers.reduce(Cost()) {
        $0 + .convolution($1.outputs, $1.inputs, bias: $1.hasBias, pixels: latents * $1.scale * $1.scale)
      }
    }
    // The encoder serves img2img alone: its parameters are there, its work is not part of drawing from words.
    return [
      StageCost("decoder", sum(decoder), .picture),
      StageCost("encoder (for --image alone)", Cost(parameters: sum(encoder).parameters), .picture),
    ]
  }

  /// Every parameter, `decoder.layers.N…` and `encoder.layers.N…`.
  package var parameterShapes: [ParameterShape] {
    [("decoder", decoder), ("encoder", encoder)].flatMap { part, layers in
      layers.flatMap { layer -> [ParameterShape] in
        let name = "\(part).layers.\(layer.name)"
        let weight = ParameterShape(name + ".weight", [layer.outputs, layer.inputs, 3, 3])
        return layer.hasBias ? [weight, ParameterShape(name + ".bias", [layer.outputs])] : [weight]
      }
    }
  }
}
