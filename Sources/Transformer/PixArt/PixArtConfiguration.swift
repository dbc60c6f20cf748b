import DiTCheckpoints

/// Everything that tells one PixArt from another: the `config.json` of diffusers' `PixArtTransformer2DModel`.
package struct PixArtConfiguration: Sendable {
  package var hiddenSize: Int
  package var depth: Int
  package var heads: Int
  package var patchSize: Int
  /// Latent channels.
  package var inChannels: Int
  /// The output carries variance logits beside the noise.
  package var learnsVariance: Bool
  /// Side of the native latents.
  package var sampleSize: Int
  /// Width of the text encoder's states.
  package var captionSize: Int
  /// The model is told the picture's size and aspect (α at 1024 pixels).
  package var readsExtent: Bool
  /// Divides the positions: 0.5 at 256 pixels, 1 at 512, 2 at 1024, 4 at 2048.
  package var interpolationScale: Double
  /// PixArt-Σ, whose latents are SDXL's and whose prompts may be longer; no field of the configuration says so.
  package var isSigma = false
  package var isSizeAssumed = false
  /// Longest prompt in tokens, where a file tells (the original keeps a null caption of that length).
  package var statedTokens: Int?

  package var outChannels: Int { learnsVariance ? 2 * inChannels : inChannels }
  var blockShape: BlockShape { BlockShape(hiddenSize: hiddenSize, heads: heads, mlpSize: 4 * hiddenSize) }
  var positions: PositionRule { .perAxis(extent: Double(sampleSize / patchSize) / interpolationScale) }

  package init(
    hiddenSize: Int, depth: Int, heads: Int, patchSize: Int, inChannels: Int, learnsVariance: Bool, sampleSize: Int,
    captionSize: Int, readsExtent: Bool, interpolationScale: Double
  ) {
    self.hiddenSize = hiddenSize
    self.depth = depth
    self.heads = heads
    self.patchSize = patchSize
    self.inChannels = inChannels
    self.learnsVariance = learnsVariance
    self.sampleSize = sampleSize
    self.captionSize = captionSize
    self.readsExtent = readsExtent
    self.interpolationScale = interpolationScale
  }
}

extension PixArtConfiguration: Decodable {
  enum CodingKeys: String, CodingKey {
    case heads = "num_attention_heads", headSize = "attention_head_dim", layers = "num_layers"
    case inChannels = "in_channels", outChannels = "out_channels", patchSize = "patch_size"
    case sampleSize = "sample_size", captionSize = "caption_channels", crossSize = "cross_attention_dim"
    case readsExtent = "use_additional_conditions", interpolationScale = "interpolation_scale", eps = "norm_eps"
  }

  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    heads = try values.size(.heads, 1...1_024)
    hiddenSize = try heads * values.size(.headSize, 1...4_096)
    depth = try values.size(.layers, 1...1_000)
    inChannels = try values.size(.inChannels, 1...1_024)
    patchSize = try values.size(.patchSize, 1...64)
    sampleSize = try values.size(.sampleSize, TransformerLimits.latents)
    captionSize = try values.size(.captionSize, 1...65_536)
    let outChannels = try values.decodeIfPresent(Int.self, forKey: .outChannels) ?? inChannels
    learnsVariance = outChannels == 2 * inChannels
    // What diffusers takes where the field is missing or null.
    readsExtent = try values.decodeIfPresent(Bool.self, forKey: .readsExtent) ?? (sampleSize == 128)
    interpolationScale = try values.decodeIfPresent(Double.self, forKey: .interpolationScale)
      ?? Double(max(sampleSize / 64, 1))
    guard hiddenSize % 4 == 0, sampleSize % patchSize == 0, learnsVariance || outChannels == inChannels,
      !readsExtent || hiddenSize % 3 == 0
    else { throw values.wrong(.heads, "width, sample_size and out_channels do not fit each other") }
    guard interpolationScale > 0, interpolationScale <= 1_000 else {
      throw values.wrong(.interpolationScale, "interpolation_scale is \(interpolationScale)")
    }
    let eps = try values.decodeIfPresent(Double.self, forKey: .eps) ?? 1e-6
    guard eps == 1e-6 else { throw values.wrong(.eps, "norm_eps is \(eps), expected 1e-6") }
    let crossSize = try values.decodeIfPresent(Int.self, forKey: .crossSize) ?? hiddenSize
    guard crossSize == hiddenSize else {
      throw values.wrong(.crossSize, "cross_attention_dim is \(crossSize), expected the width \(hiddenSize)")
    }
  }
}
