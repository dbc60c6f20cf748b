import DiTCheckpoints
import DiTTensors

/// Sizes of a tiny autoencoder: ours, or diffusers' `AutoencoderTiny`.
package struct TinyAutoencoderConfiguration: AutoencoderConfiguration {
  package let latentChannels: Int
  /// Channels of each level, from the latents up.
  package let decoderChannels: [Int]
  package let decoderBlocks: [Int]
  /// Channels of each level, from the picture down.
  package let encoderChannels: [Int]
  package let encoderBlocks: [Int]
  /// Per channel: the decoder takes z · std + mean. Nil: the latents as they are.
  package let latentsMean: [Float]?
  package let latentsStd: [Float]?

  package var scaleFactor: Int { 1 << (decoderChannels.count - 1) }

  enum CodingKeys: String, CodingKey {
    case latentChannels = "latent_channels", latentsMean = "latents_mean", latentsStd = "latents_std"
    case decoderChannels = "decoder_block_out_channels", decoderBlocks = "num_decoder_blocks"
    case encoderChannels = "encoder_block_out_channels", encoderBlocks = "num_encoder_blocks"
    case shortDecoderChannels = "decoder_channels", shortDecoderBlocks = "decoder_blocks"
    case shortEncoderChannels = "encoder_channels", shortEncoderBlocks = "encoder_blocks"
    case activation = "act_fn"
  }

  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func wrong(_ key: CodingKeys, _ reason: String) -> DecodingError {
      .dataCorruptedError(forKey: key, in: values, debugDescription: "\(key.rawValue) \(reason)")
    }
    func levels(_ key: CodingKeys, _ short: CodingKeys, _ range: ClosedRange<Int>) throws -> [Int] {
      let list = try values.decodeIfPresent([Int].self, forKey: short) ?? values.decode([Int].self, forKey: key)
      guard (1...8).contains(list.count), list.allSatisfy(range.contains) else {
        throw wrong(key, "is \(list), expected up to 8 numbers in \(range)")
      }
      return list
    }
    latentChannels = try values.decodeIfPresent(Int.self, forKey: .latentChannels) ?? 4
    guard (1...1_024).contains(latentChannels) else { throw wrong(.latentChannels, "is \(latentChannels)") }
    decoderChannels = try levels(.decoderChannels, .shortDecoderChannels, 1...4_096)
    decoderBlocks = try levels(.decoderBlocks, .shortDecoderBlocks, 0...64)
    encoderChannels = try levels(.encoderChannels, .shortEncoderChannels, 1...4_096)
    encoderBlocks = try levels(.encoderBlocks, .shortEncoderBlocks, 0...64)
    guard decoderBlocks.count == decoderChannels.count, encoderBlocks.count == encoderChannels.count else {
      throw wrong(.decoderBlocks, "and the channels differ in their number of levels")
    }
    let activation = try values.decodeIfPresent(String.self, forKey: .activation) ?? "relu"
    guard activation == "relu" else { throw wrong(.activation, "is \"\(activation.prefix(40))\", expected relu") }
    latentsMean = try values.decodeIfPresent([Float].self, forKey: .latentsMean)
    latentsStd = try values.decodeIfPresent([Float].self, forKey: .latentsStd)
    for (key, list) in [(CodingKeys.latentsMean, latentsMean), (.latentsStd, latentsStd)] {
      if let list, list.count != latentChannels || !list.allSatisfy(\.isFinite) {
        throw wrong(key, "does not hold \(latentChannels) finite numbers")
      }
    }
  }

  /// Reads the sizes off the tensors of a decoder and, where there is one, an encoder, named `layers.N…` as in diffusers.
  ///
  /// A block has `conv.0.weight` inside; what changes level is a convolution without bias; the last one leads out.
  init(decoder: Checkpoint, encoder: Checkpoint?) throws {
    latentChannels = try decoder.matrixShape("layers.0.weight")[1]
    (decoderChannels, decoderBlocks) = try levels(of: decoder)
    (encoderChannels, encoderBlocks) = try encoder.map(levels(of:)) ?? ([], [])
    latentsMean = nil
    latentsStd = nil
  }

  package var fields: JSONValue {
    let numbers = { (list: [Int]) in JSONValue.array(list.map { .number(Double($0)) }) }
    // A decoder alone has an encoder that mirrors it, which nobody reads.
    let isAlone = encoderChannels.isEmpty
    let encoder = isAlone ? (decoderChannels.reversed(), decoderBlocks.reversed()) : (encoderChannels, encoderBlocks)
    let exact = { (list: [Float]?) in list.map { JSONValue.array($0.map { .number(Double("\($0)") ?? 0) }) } ?? .null }
    return .object([
      "_class_name": .string("AutoencoderTiny"), "latent_channels": .number(Double(latentChannels)), "act_fn": .string("relu"),
      "decoder_block_out_channels": numbers(decoderChannels), "num_decoder_blocks": numbers(decoderBlocks),
      "encoder_block_out_channels": numbers(encoder.0), "num_encoder_blocks": numbers(encoder.1),
      "latents_mean": exact(latentsMean), "latents_std": exact(latentsStd),
    ])
  }

  package func listing() throws -> NetworkListing { try listing(encoder: !encoderChannels.isEmpty) }

  /// `decoder.layers.N…` and `encoder.layers.N…`.
  /// - Parameter having: whether it has an optional part: the pooling of blocks.
  func listing(encoder: Bool, having: @escaping (String) -> Bool = { _ in false }) throws -> NetworkListing {
    try NetworkListing(having: having) { parameters in
      _ = try TinyDecoder(self, parameters.scoped("decoder."))
      if encoder { _ = try TinyEncoder(self, parameters.scoped("encoder.")) }
    }
  }
}

/// Channels and blocks of each level of a Sequential, in its order.
private func levels(of half: Checkpoint) throws -> (channels: [Int], blocks: [Int]) {
  let indices = half.records.compactMap { record -> Int? in
    let parts = record.name.string.split(separator: ".")
    return parts.count > 2 && parts[0] == "layers" ? Int(parts[1]) : nil
  }
  var channels = [try half.matrixShape("layers.0.weight")[0]]
  var blocks = [0]
  for index in Set(indices).sorted().dropFirst().dropLast() {
    if half.contains("layers.\(index).conv.0.weight") {
      blocks[blocks.count - 1] += 1
    } else {
      channels.append(try half.matrixShape("layers.\(index).weight")[0])
      blocks.append(0)
    }
  }
  guard channels.count <= 8, channels.allSatisfy((1...4_096).contains) else {
    throw LoadError.malformed(
      file: half.location,
      reason: "a tiny autoencoder of \(channels.count) levels, expected up to 8 of up to 4096 channels")
  }
  return (channels, blocks)
}
