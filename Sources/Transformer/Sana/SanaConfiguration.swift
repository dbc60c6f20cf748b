import DiTCheckpoints

/// Everything that tells one SANA from another: the `config.json` of diffusers' `SanaTransformer2DModel`.
package struct SanaConfiguration: Sendable {
  package var heads: Int
  package var headSize: Int
  package var depth: Int
  /// Of attention to the text; their numbers make up the same width.
  package var crossHeads: Int
  package var patchSize: Int
  /// Latent channels.
  package var inChannels: Int
  /// The output carries variance logits beside the flow.
  package var learnsVariance = false
  /// Side of the native latents.
  package var sampleSize: Int
  /// Width of the text encoder's states.
  package var captionSize: Int
  /// Channels of the Mix-FFN behind its gates, and as many gates.
  package var innerSize: Int
  /// Divides the positions; nil: none, the convolutions know where things are (512 and 1024 pixels).
  package var interpolationScale: Double?
  /// Biases of self-attention's queries, keys and values.
  package var hasAttentionBias = false
  /// RMS norms of queries and keys: SANA-1.5 and -Sprint.
  package var normalisesQueries = false
  /// It is told the scale of guidance, and drawn in one branch: SANA-Sprint.
  package var readsGuidance = false
  /// What the scale of guidance, and the timestep, are multiplied with before the model is told them.
  package var guidanceFactor: Float = 0.1, timestepFactor: Float = 1
  package var isSizeAssumed = false

  package var hiddenSize: Int { heads * headSize }
  package var outChannels: Int { learnsVariance ? 2 * inChannels : inChannels }
  var blockShape: BlockShape {
    var shape = BlockShape(hiddenSize: hiddenSize, heads: heads, mlpSize: 2 * innerSize)
    (shape.mixesNeighbours, shape.activation) = (true, .silu)
    return shape
  }
  var positions: PositionRule? { interpolationScale.map { .perAxis(extent: Double(sampleSize / patchSize) / $0) } }

  /// Queries and keys of the published sizes have 32 numbers a head, and the width is trained at 32 latents.
  package init(
    depth: Int, hiddenSize: Int, headSize: Int = 32, crossHeads: Int, patchSize: Int = 1, inChannels: Int = 32,
    sampleSize: Int = 32, captionSize: Int = 2304, innerSize: Int
  ) {
    (self.depth, self.headSize, self.crossHeads) = (depth, headSize, crossHeads)
    heads = hiddenSize / headSize
    (self.patchSize, self.inChannels, self.sampleSize) = (patchSize, inChannels, sampleSize)
    (self.captionSize, self.innerSize) = (captionSize, innerSize)
  }
}

extension SanaConfiguration: Decodable {
  enum CodingKeys: String, CodingKey {
    case heads = "num_attention_heads", headSize = "attention_head_dim", layers = "num_layers"
    case crossHeads = "num_cross_attention_heads", crossHeadSize = "cross_attention_head_dim", crossSize = "cross_attention_dim"
    case inChannels = "in_channels", outChannels = "out_channels", patchSize = "patch_size", sampleSize = "sample_size"
    case captionSize = "caption_channels", mlpRatio = "mlp_ratio", attentionBias = "attention_bias", norm = "qk_norm"
    case isAffine = "norm_elementwise_affine", eps = "norm_eps", interpolationScale = "interpolation_scale"
    case readsGuidance = "guidance_embeds", guidanceFactor = "guidance_embeds_scale", timestepFactor = "timestep_scale"
  }

  /// What is missing is what diffusers takes for it: SANA 1.6B of 1024 pixels.
  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    heads = try values.size(.heads, 1...1_024, default: 70)
    headSize = try values.size(.headSize, 1...4_096, default: 32)
    depth = try values.size(.layers, 1...1_000, default: 20)
    crossHeads = try values.size(.crossHeads, 1...1_024, default: 20)
    inChannels = try values.size(.inChannels, 1...1_024, default: 32)
    patchSize = try values.size(.patchSize, 1...64, default: 1)
    sampleSize = try values.size(.sampleSize, TransformerLimits.latents, default: 32)
    captionSize = try values.size(.captionSize, 1...65_536, default: 2304)
    let width = heads * headSize
    let ratio = try values.decodeIfPresent(Double.self, forKey: .mlpRatio) ?? 2.5
    guard ratio > 0, ratio <= 8, ratio * Double(width) >= 1 else {
      throw values.wrong(.mlpRatio, "mlp_ratio is \(ratio), expected a number above 0, 8 at most")
    }
    innerSize = Int(ratio * Double(width))
    let outChannels = try values.decodeIfPresent(Int.self, forKey: .outChannels) ?? inChannels
    learnsVariance = outChannels == 2 * inChannels
    guard width % 4 == 0, sampleSize % patchSize == 0, learnsVariance || outChannels == inChannels else {
      throw values.wrong(.heads, "width, sample_size and out_channels do not fit each other")
    }
    let crossWidth = try crossHeads * values.size(.crossHeadSize, 1...4_096, default: 112)
    let crossSize = try values.decodeIfPresent(Int.self, forKey: .crossSize) ?? width
    guard crossWidth == width, crossSize == width else {
      throw values.wrong(
        .crossSize, "cross-attention is \(crossWidth) wide and reads \(crossSize) numbers, expected the width \(width) for both")
    }
    hasAttentionBias = try values.decodeIfPresent(Bool.self, forKey: .attentionBias) ?? false
    readsGuidance = try values.decodeIfPresent(Bool.self, forKey: .readsGuidance) ?? false
    let norm = try values.decodeIfPresent(String.self, forKey: .norm)
    guard norm == nil || norm == "rms_norm_across_heads" else {
      throw values.wrong(.norm, "qk_norm is \"\(norm?.prefix(40) ?? "")\", expected null or \"rms_norm_across_heads\"")
    }
    normalisesQueries = norm != nil
    guard try values.decodeIfPresent(Bool.self, forKey: .isAffine) != true else {
      throw values.wrong(.isAffine, "norm_elementwise_affine is true, expected false")
    }
    let eps = try values.decodeIfPresent(Double.self, forKey: .eps) ?? 1e-6
    guard eps == 1e-6 else { throw values.wrong(.eps, "norm_eps is \(eps), expected 1e-6") }
    func factor(_ key: CodingKeys, _ usual: Double) throws -> Double {
      let value = try values.decodeIfPresent(Double.self, forKey: key) ?? usual
      guard value > 0, value <= 1e6 else { throw values.wrong(key, "\(key.rawValue) is \(value), expected a number above 0") }
      return value
    }
    if try values.decodeIfPresent(Double.self, forKey: .interpolationScale) != nil {
      interpolationScale = try factor(.interpolationScale, 1)
    }
    guidanceFactor = Float(try factor(.guidanceFactor, 0.1))
    timestepFactor = Float(try factor(.timestepFactor, 1))
  }
}
