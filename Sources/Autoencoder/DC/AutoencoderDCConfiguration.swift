import DiTCheckpoints
import DiTTensors

/// Sizes of an `AutoencoderDC` (diffusers), read from its `config.json` or off its tensors.
package struct AutoencoderDCConfiguration: AutoencoderConfiguration {
  package let latentChannels: Int
  /// From the picture down.
  let encoder, decoder: [DCLevel]
  let headSize: Int
  /// Whether doubling makes pixels of channels, and halving channels of pixels; else they are interpolation and strides.
  let shufflesUp, shufflesDown: Bool
  let encoderShortcut, decoderShortcut: Bool
  /// Before the last convolution.
  let lastActivation: Activation
  package private(set) var scaling: LatentScaling

  package var scaleFactor: Int { 1 << (decoder.count - 1) }

  enum CodingKeys: String, CodingKey {
    case latentChannels = "latent_channels", inChannels = "in_channels", headSize = "attention_head_dim"
    case encoderTypes = "encoder_block_types", decoderTypes = "decoder_block_types"
    case encoderChannels = "encoder_block_out_channels", decoderChannels = "decoder_block_out_channels"
    case encoderLayers = "encoder_layers_per_block", decoderLayers = "decoder_layers_per_block"
    case encoderScales = "encoder_qkv_multiscales", decoderScales = "decoder_qkv_multiscales"
    case upsampling = "upsample_block_type", downsampling = "downsample_block_type"
    case norms = "decoder_norm_types", activations = "decoder_act_fns", lastActivation = "decoder_conv_act_fn"
    case encoderShortcut = "encoder_out_shortcut", decoderShortcut = "decoder_in_shortcut", scalingFactor = "scaling_factor"
  }

  /// Fields that a file does not have get diffusers' defaults.
  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func wrong(_ key: CodingKeys, _ reason: String) -> DecodingError { values.wrong(key, "\(key.rawValue) \(reason)") }
    /// A word of each level, or one for all of them.
    func words<Value>(_ key: CodingKeys, _ otherwise: String, _ known: [String: Value], _ count: Int) throws -> [Value] {
      let one = try? values.decodeIfPresent(String.self, forKey: key)
      let all = try one.map { Array(repeating: $0, count: count) }
        ?? (values.decodeIfPresent([String].self, forKey: key) ?? Array(repeating: otherwise, count: count))
      guard all.count == count else { throw wrong(key, "has \(all.count) entries for \(count) levels") }
      return try all.map { word in
        guard let value = known[word] else {
          throw wrong(key, "holds \"\(word.prefix(40))\", expected one of \(known.keys.sorted().joined(separator: ", "))")
        }
        return value
      }
    }
    func word<Value>(_ key: CodingKeys, _ otherwise: String, _ known: [String: Value]) throws -> Value {
      try words(key, otherwise, known, 1)[0]
    }
    let head = try values.size(.headSize, 1...4_096, default: 32)
    func levels(
      _ channels: CodingKeys, _ layers: CodingKeys, _ usual: [Int], _ types: CodingKeys, _ scales: CodingKeys, norms: CodingKeys?,
      activations: CodingKeys?, shuffles: Bool
    ) throws -> [DCLevel] {
      let numbers = try values.decodeIfPresent([Int].self, forKey: channels) ?? [128, 256, 512, 512, 1_024, 1_024]
      let count = numbers.count
      let depths = try values.decodeIfPresent([Int].self, forKey: layers) ?? usual
      let sides = try values.decodeIfPresent([[Int]].self, forKey: scales) ?? [[], [], [], [5], [5], [5]]
      guard depths.count == count else { throw wrong(layers, "has \(depths.count) entries for \(count) levels") }
      guard sides.count == count else { throw wrong(scales, "has \(sides.count) entries for \(count) levels") }
      let kinds = try words(types, "ResBlock", ["ResBlock": false, "EfficientViTBlock": true], count)
      let norms = try norms.map { try words($0, "rms_norm", PixelNorm.Kind.names, count) }
      let activations = try activations.map { try words($0, "silu", DCLevel.activations, count) }
      let levels = (0..<count).map { index in
        DCLevel(
          channels: numbers[index], layers: depths[index], attends: kinds[index], scales: kinds[index] ? sides[index] : [],
          norm: norms?[index] ?? .rms, activation: activations?[index] ?? .silu)
      }
      if let reason = DCLevel.problem(levels, headSize: head, pixelChannels: shuffles) {
        throw wrong(channels, "and what belongs to them \(reason)")
      }
      return levels
    }
    latentChannels = try values.size(.latentChannels, 1...4_096, default: 32)
    _ = try values.size(.inChannels, 3...3, default: 3)
    headSize = head
    shufflesUp = try word(.upsampling, "pixel_shuffle", ["pixel_shuffle": true, "interpolate": false])
    shufflesDown = try word(.downsampling, "pixel_unshuffle", ["pixel_unshuffle": true, "conv": false])
    encoder = try levels(
      .encoderChannels, .encoderLayers, [2, 2, 2, 3, 3, 3], .encoderTypes, .encoderScales, norms: nil, activations: nil,
      shuffles: shufflesDown)
    self.decoder = try levels(
      .decoderChannels, .decoderLayers, [3, 3, 3, 3, 3, 3], .decoderTypes, .decoderScales, norms: .norms,
      activations: .activations, shuffles: false)
    guard encoder.count == self.decoder.count else {
      throw wrong(.decoderChannels, "has \(self.decoder.count) levels, the encoder \(encoder.count)")
    }
    lastActivation = try word(.lastActivation, "relu", DCLevel.activations)
    encoderShortcut = try values.decodeIfPresent(Bool.self, forKey: .encoderShortcut) ?? true
    decoderShortcut = try values.decodeIfPresent(Bool.self, forKey: .decoderShortcut) ?? true
    let factor = try values.decodeIfPresent(Float.self, forKey: .scalingFactor) ?? 1
    guard factor.isFinite, factor > 0 else { throw wrong(.scalingFactor, "is \(factor), expected a number above 0") }
    scaling = LatentScaling(factor: factor)
    let ends = [(CodingKeys.encoderChannels, encoder, encoderShortcut), (.decoderChannels, self.decoder, decoderShortcut)]
    for (key, half, isUsed) in ends {
      guard let deepest = half.last?.channels, !isUsed || deepest % latentChannels == 0 else {
        throw wrong(key, "ends in \(half.last?.channels ?? 0), no multiple of latent_channels \(latentChannels)")
      }
    }
  }

  /// For latents of another scaling.
  func scaled(_ scaling: LatentScaling) -> AutoencoderDCConfiguration {
    var result = self
    result.scaling = scaling
    return result
  }

  package func listing() throws -> NetworkListing {
    try NetworkListing { parameters in
      _ = try DCDecoder(self, tiling: .automatic, parameters)
      _ = try DCEncoder(self, tiling: .automatic, parameters)
    }
  }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    func list(_ levels: [DCLevel], _ body: (DCLevel) -> JSONValue) -> JSONValue { .array(levels.map(body)) }
    let type = { (level: DCLevel) in JSONValue.string(level.attends ? "EfficientViTBlock" : "ResBlock") }
    let scales = { (level: DCLevel) in JSONValue.array(level.scales.map(number)) }
    return .object([
      "_class_name": .string("AutoencoderDC"), "latent_channels": number(latentChannels), "in_channels": number(3),
      "attention_head_dim": number(headSize), "encoder_block_types": list(encoder, type),
      "decoder_block_types": list(decoder, type),
      "encoder_block_out_channels": list(encoder) { number($0.channels) },
      "decoder_block_out_channels": list(decoder) { number($0.channels) },
      "encoder_layers_per_block": list(encoder) { number($0.layers) },
      "decoder_layers_per_block": list(decoder) { number($0.layers) },
      "encoder_qkv_multiscales": list(encoder, scales), "decoder_qkv_multiscales": list(decoder, scales),
      "upsample_block_type": .string(shufflesUp ? "pixel_shuffle" : "interpolate"),
      "downsample_block_type": .string(shufflesDown ? "pixel_unshuffle" : "conv"),
      "decoder_norm_types": list(decoder) { .string($0.norm.rawValue) },
      "decoder_act_fns": list(decoder) { .string(DCLevel.name(of: $0.activation)) },
      "decoder_conv_act_fn": .string(DCLevel.name(of: lastActivation)),
      "encoder_out_shortcut": .bool(encoderShortcut), "decoder_in_shortcut": .bool(decoderShortcut),
      "scaling_factor": .number(Double("\(scaling.factor)") ?? Double(scaling.factor)),
    ])
  }
}

// MARK: of tensors

extension AutoencoderDCConfiguration {
  /// Reads the sizes off tensors under diffusers' names; what they do not tell is as in every published one.
  /// - Parameter scaling: of its latents, which the tensors do not tell.
  init(tensors: Checkpoint, scaling: LatentScaling) throws {
    var (headSize, shufflesUp, shufflesDown) = (32, false, false)
    func half(_ name: String) throws -> [DCLevel] {
      let there = (0..<16).filter { !tensors.scoped("\(name).\($0).").records.isEmpty }
      guard let deepest = there.last, there.count >= deepest else {
        throw LoadError.malformed(file: tensors.location, reason: "an AutoencoderDC with levels missing in \(name)")
      }
      var levels: [DCLevel] = []
      for index in (0...deepest).reversed() {
        let level = tensors.scoped("\(name).\(index).")
        let blocks = (0..<64).map { level.scoped("\($0).") }
          .filter { $0.contains("conv1.weight") || $0.contains("attn.to_q.weight") }
        guard let block = blocks.first else {  // the picture's own level
          let channels = levels.last?.channels ?? 1
          levels.append(DCLevel(channels: channels, layers: 0, attends: false, scales: [], norm: .rms, activation: .silu))
          continue
        }
        let attends = block.contains("attn.to_q.weight")
        let scales = (0..<8).filter { block.contains("attn.to_qkv_multiscale.\($0).proj_in.weight") }
        for scale in scales.prefix(1) { headSize = try block.matrixShape("attn.to_qkv_multiscale.\(scale).proj_out.weight")[1] }
        let isBatch = block.contains((attends ? "attn.norm_out" : "norm") + ".running_mean")
        levels.append(
          DCLevel(
            channels: try block.matrixShape(attends ? "attn.to_q.weight" : "conv1.weight")[1], layers: blocks.count,
            attends: attends,
            scales: try scales.map { try block.matrixShape("attn.to_qkv_multiscale.\($0).proj_in.weight").last ?? 0 },
            norm: isBatch ? .batch : .rms, activation: isBatch ? .relu : .silu))
      }
      return levels.reversed()
    }
    decoder = try half("decoder.up_blocks")
    encoder = tensors.hasDeepEncoder ? try half("encoder.down_blocks") : decoder
    func ratio(_ name: String, _ channels: Int) throws -> Int { try tensors.matrixShape(name)[0] - channels }
    if let first = decoder.firstIndex(where: { $0.layers > 0 }), first + 1 < decoder.count {
      shufflesUp = try ratio("decoder.up_blocks.\(first).0.conv.weight", decoder[first].channels) != 0
    }
    if tensors.hasDeepEncoder, let first = encoder.firstIndex(where: { $0.layers > 0 }), first + 1 < encoder.count {
      shufflesDown = try ratio(
        "encoder.down_blocks.\(first).\(encoder[first].layers).conv.weight", encoder[first + 1].channels) != 0
    }
    latentChannels = try tensors.matrixShape("decoder.conv_in.weight")[1]
    (self.headSize, self.shufflesUp, self.shufflesDown) = (headSize, shufflesUp, shufflesDown)
    (encoderShortcut, decoderShortcut, lastActivation) = (true, true, .relu)
    self.scaling = scaling
    let problems = [(encoder, shufflesDown), (decoder, false)].compactMap { half, shuffles in
      DCLevel.problem(half, headSize: headSize, pixelChannels: shuffles)
        ?? ((half.last?.channels ?? 0) % max(1, latentChannels) == 0
          ? nil : "do not end in a multiple of \(latentChannels) channels")
    }
    let problem = problems.first ?? (encoder.count == decoder.count ? nil : "differ in number")
    if let problem { throw LoadError.malformed(file: tensors.location, reason: "an AutoencoderDC whose levels \(problem)") }
  }
}
