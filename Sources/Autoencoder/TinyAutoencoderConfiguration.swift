import Tensors

/// Sizes of a tiny autoencoder: ours, or diffusers' `AutoencoderTiny`.
public struct TinyAutoencoderConfiguration: Decodable, Sendable {
  public let latentChannels: Int
  /// Channels of each level, from the latents up.
  public let decoderChannels: [Int]
  public let decoderBlocks: [Int]
  /// Channels of each level, from the picture down.
  public let encoderChannels: [Int]
  public let encoderBlocks: [Int]
  /// Per channel: the decoder takes z · std + mean. Nil: the latents as they are.
  public let latentsMean: [Float]?
  public let latentsStd: [Float]?

  enum CodingKeys: String, CodingKey {
    case latentChannels = "latent_channels", latentsMean = "latents_mean", latentsStd = "latents_std"
    case decoderChannels = "decoder_block_out_channels", decoderBlocks = "num_decoder_blocks"
    case encoderChannels = "encoder_block_out_channels", encoderBlocks = "num_encoder_blocks"
    case shortDecoderChannels = "decoder_channels", shortDecoderBlocks = "decoder_blocks"
    case shortEncoderChannels = "encoder_channels", shortEncoderBlocks = "encoder_blocks"
  }

  public init(from decoder: Decoder) throws {
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
    latentChannels = try values.decode(Int.self, forKey: .latentChannels)
    guard (1...1_024).contains(latentChannels) else { throw wrong(.latentChannels, "is \(latentChannels)") }
    decoderChannels = try levels(.decoderChannels, .shortDecoderChannels, 1...4_096)
    decoderBlocks = try levels(.decoderBlocks, .shortDecoderBlocks, 0...64)
    encoderChannels = try levels(.encoderChannels, .shortEncoderChannels, 1...4_096)
    encoderBlocks = try levels(.encoderBlocks, .shortEncoderBlocks, 0...64)
    guard decoderBlocks.count == decoderChannels.count, encoderBlocks.count == encoderChannels.count else {
      throw wrong(.decoderBlocks, "and the channels differ in their number of levels")
    }
    latentsMean = try values.decodeIfPresent([Float].self, forKey: .latentsMean)
    latentsStd = try values.decodeIfPresent([Float].self, forKey: .latentsStd)
    for (key, list) in [(CodingKeys.latentsMean, latentsMean), (.latentsStd, latentsStd)] {
      if let list, list.count != latentChannels || !list.allSatisfy(\.isFinite) {
        throw wrong(key, "does not hold \(latentChannels) finite numbers")
      }
    }
  }
}
