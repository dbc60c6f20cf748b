import DiTCheckpoints
import DiTTensors

/// Sizes of an `AutoencoderKL` (diffusers), read from its `config.json` or off its tensors.
package struct AutoencoderKLConfiguration: AutoencoderConfiguration {
  package let latentChannels: Int
  /// Channels of each level, from the picture down.
  package let channels: [Int]
  /// Resnets of a level of the encoder; the decoder has one more.
  package let layersPerBlock: Int
  /// Groups of every GroupNorm.
  package let groups: Int
  package let middleAttention: Bool
  package let quantConvolution: Bool
  package let postQuantConvolution: Bool
  package private(set) var scaling: LatentScaling
  /// Pixels along the pictures it was trained on: the side of a tile.
  package let sampleSize: Int

  package var scaleFactor: Int { 1 << (channels.count - 1) }

  enum CodingKeys: String, CodingKey {
    case latentChannels = "latent_channels", channels = "block_out_channels", layersPerBlock = "layers_per_block"
    case groups = "norm_num_groups", middleAttention = "mid_block_add_attention", quantConvolution = "use_quant_conv"
    case postQuantConvolution = "use_post_quant_conv", sampleSize = "sample_size", scalingFactor = "scaling_factor"
    case shiftFactor = "shift_factor", latentsMean = "latents_mean", latentsStd = "latents_std"
    case downBlocks = "down_block_types", upBlocks = "up_block_types", activation = "act_fn"
    case inChannels = "in_channels", outChannels = "out_channels"
  }

  /// Fields that a file does not have get diffusers' defaults.
  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func wrong(_ key: CodingKeys, _ reason: String) -> DecodingError {
      .dataCorruptedError(forKey: key, in: values, debugDescription: "\(key.rawValue) \(reason)")
    }
    func number(_ key: CodingKeys, _ otherwise: Int, _ range: ClosedRange<Int>) throws -> Int {
      let value = try values.decodeIfPresent(Int.self, forKey: key) ?? otherwise
      guard range.contains(value) else {
        throw wrong(key, "is \(value), expected \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
    func flag(_ key: CodingKeys) throws -> Bool { try values.decodeIfPresent(Bool.self, forKey: key) ?? true }
    latentChannels = try number(.latentChannels, 4, 1...1_024)
    groups = try number(.groups, 32, 1...4_096)
    layersPerBlock = try number(.layersPerBlock, 1, 1...64)
    sampleSize = try number(.sampleSize, 512, 1...65_536)
    _ = try number(.inChannels, 3, 3...3)
    _ = try number(.outChannels, 3, 3...3)
    channels = try values.decode([Int].self, forKey: .channels)
    if let reason = Self.problem(channels: channels, groups: groups) { throw wrong(.channels, reason) }
    for (key, kind) in [(CodingKeys.downBlocks, "DownEncoderBlock2D"), (.upBlocks, "UpDecoderBlock2D")] {
      let kinds = try values.decodeIfPresent([String].self, forKey: key) ?? []
      if let other = kinds.first(where: { $0 != kind }) {
        throw wrong(key, "holds \"\(other.prefix(40))\", expected \(kind)")
      }
    }
    let activation = try values.decodeIfPresent(String.self, forKey: .activation) ?? "silu"
    guard ["silu", "swish"].contains(activation) else {
      throw wrong(.activation, "is \"\(activation.prefix(40))\", expected silu")
    }
    middleAttention = try flag(.middleAttention)
    quantConvolution = try flag(.quantConvolution)
    postQuantConvolution = try flag(.postQuantConvolution)

    let factor = try values.decodeIfPresent(Float.self, forKey: .scalingFactor) ?? LatentScaling.stableDiffusion.factor
    guard factor.isFinite, factor > 0 else { throw wrong(.scalingFactor, "is \(factor), expected a number above 0") }
    let shift = try values.decodeIfPresent(Float.self, forKey: .shiftFactor) ?? 0
    guard shift.isFinite else { throw wrong(.shiftFactor, "is \(shift)") }
    let mean = try values.decodeIfPresent([Float].self, forKey: .latentsMean)
    let std = try values.decodeIfPresent([Float].self, forKey: .latentsStd)
    for (key, list) in [(CodingKeys.latentsMean, mean), (.latentsStd, std)] {
      if let list, list.count != latentChannels || !list.allSatisfy(\.isFinite) {
        throw wrong(key, "does not hold \(latentChannels) finite numbers")
      }
    }
    scaling = LatentScaling(factor: factor, shift: shift, mean: mean, std: std)
  }

  /// Reads the sizes off the tensors of a decoder under diffusers' names.
  /// - Parameters:
  ///   - scaling: of its latents, which the tensors do not tell.
  ///   - groups: of its norms, which they do not tell either; all published ones have 32.
  init(tensors: Checkpoint, scaling: LatentScaling, groups: Int = 32) throws {
    func shape(_ name: String) throws -> [Int] { try tensors.matrixShape("decoder." + name) }
    func count(_ names: (Int) -> String) -> Int { (0..<64).prefix { tensors.contains("decoder." + names($0)) }.count }
    latentChannels = try shape("conv_in.weight")[1]
    let levels = count { "up_blocks.\($0).resnets.0.conv1.weight" }
    channels = try (0..<levels).reversed().map { try shape("up_blocks.\($0).resnets.0.conv1.weight")[0] }
    layersPerBlock = count { "up_blocks.0.resnets.\($0).conv1.weight" } - 1
    self.groups = groups
    middleAttention = !tensors.scoped("decoder.mid_block.attentions.").records.isEmpty
    quantConvolution = tensors.contains("quant_conv.weight")
    postQuantConvolution = tensors.contains("post_quant_conv.weight")
    sampleSize = 512
    self.scaling = scaling
    let problem = layersPerBlock < 1 ? "has fewer than two resnets in decoder.up_blocks.0"
      : Self.problem(channels: channels, groups: groups).map { "needs a config.json beside it: its channels " + $0 }
    if let problem { throw LoadError.malformed(file: tensors.location, reason: "this AutoencoderKL \(problem)") }
  }

  /// For latents of another scaling.
  func scaled(_ scaling: LatentScaling) -> AutoencoderKLConfiguration {
    var result = self
    result.scaling = scaling
    return result
  }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    let exact = { (value: Float) in JSONValue.number(Double("\(value)") ?? Double(value)) }
    let levels = channels.count
    return .object([
      "_class_name": .string("AutoencoderKL"), "latent_channels": number(latentChannels),
      "block_out_channels": .array(channels.map(number)), "layers_per_block": number(layersPerBlock),
      "norm_num_groups": number(groups), "mid_block_add_attention": .bool(middleAttention), "sample_size": number(sampleSize),
      "use_quant_conv": .bool(quantConvolution), "use_post_quant_conv": .bool(postQuantConvolution), "act_fn": .string("silu"),
      "scaling_factor": exact(scaling.factor), "shift_factor": exact(scaling.shift), "in_channels": number(3),
      "latents_mean": scaling.mean.map { .array($0.map(exact)) } ?? .null, "out_channels": number(3),
      "latents_std": scaling.std.map { .array($0.map(exact)) } ?? .null,
      "down_block_types": .array(Array(repeating: .string("DownEncoderBlock2D"), count: levels)),
      "up_block_types": .array(Array(repeating: .string("UpDecoderBlock2D"), count: levels)),
    ])
  }

  package func listing() throws -> NetworkListing {
    try NetworkListing { parameters in
      _ = try KLDecoder(self, parameters)
      _ = try KLEncoder(self, parameters)
    }
  }

  private static func problem(channels: [Int], groups: Int) -> String? {
    guard (1...8).contains(channels.count) else { return "have \(channels.count) levels, expected 1 to 8" }
    guard channels.allSatisfy((1...8_192).contains) else { return "are \(channels), expected numbers from 1 to 8192" }
    guard channels.allSatisfy({ $0 % groups == 0 }) else { return "\(channels) are not multiples of \(groups) groups" }
    return nil
  }
}

extension Checkpoint {
  /// The shape of a tensor that is a matrix or a convolution.
  /// - Throws: `LoadError` where it is missing or of fewer than two dimensions.
  func matrixShape(_ name: String) throws -> [Int] {
    guard let record = self[name] else { throw LoadError.missing(file: location, tensor: TensorName(name)) }
    guard record.shape.count >= 2 else {
      throw LoadError.wrongShape(
        file: location, tensor: record.storedName, expected: "two dimensions or four", found: "\(record.shape)")
    }
    return record.shape
  }
}
