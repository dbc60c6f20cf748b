import DiTCheckpoints

/// Whose arithmetic a DiT or a UniDiffuser follows where the original and diffusers disagree.
public enum DiTCompatibility: String, Sendable, CaseIterable {
  /// facebookresearch/DiT: timestep divisor 128, epsilon 1e-6 before the MLP. thu-ml/unidiffuser: single steps, times from 1.
  case official
  /// diffusers' `DiTTransformer2DModel`: timestep divisor 127, epsilon 1e-5 before the MLP. Its `UniDiffuserPipeline`: the
  /// scheduler of the folder, times from 0.
  case diffusers
}

/// The `config.json` of diffusers' `DiTTransformer2DModel`.
package struct DiffusersDiTConfiguration: Decodable, Sendable {
  let heads: Int
  let headSize: Int
  let layers: Int
  let inChannels: Int
  let outChannels: Int
  let patchSize: Int
  let sampleSize: Int
  let classes: Int
  let eps: Float

  enum CodingKeys: String, CodingKey {
    case heads = "num_attention_heads", headSize = "attention_head_dim", layers = "num_layers"
    case inChannels = "in_channels", outChannels = "out_channels", patchSize = "patch_size"
    case sampleSize = "sample_size", classes = "num_embeds_ada_norm", eps = "norm_eps"
  }

  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    heads = try values.size(.heads, 1...1_024)
    headSize = try values.size(.headSize, 1...4_096)
    layers = try values.size(.layers, 1...1_000)
    inChannels = try values.size(.inChannels, 1...1_024)
    patchSize = try values.size(.patchSize, 1...64)
    sampleSize = try values.size(.sampleSize, TransformerLimits.latents)
    classes = try values.size(.classes, 1...10_000_000)
    outChannels = try values.decodeIfPresent(Int.self, forKey: .outChannels) ?? inChannels
    eps = try values.decodeIfPresent(Float.self, forKey: .eps) ?? 1e-5
    guard (heads * headSize) % 4 == 0, sampleSize % patchSize == 0, outChannels == inChannels || outChannels == 2 * inChannels
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .heads, in: values, debugDescription: "width, sample_size and out_channels do not fit each other")
    }
  }

  /// As one of the family.
  package func configuration(_ compatibility: DiTCompatibility) -> DiTConfiguration {
    DiTConfiguration(
      hiddenSize: heads * headSize, depth: layers, heads: heads, patchSize: patchSize, inChannels: inChannels,
      classes: classes, learnsVariance: outChannels == 2 * inChannels, sampleSize: [sampleSize, sampleSize],
      positions: .perAxis(extent: Double(sampleSize / patchSize))
    ).following(compatibility, eps: eps)
  }
}

extension DiTConfiguration {
  /// Whose constants it has.
  package var compatibility: DiTCompatibility { timestepDivisor == 127 ? .diffusers : .official }

  /// With the constants of one or the other.
  /// - Parameter eps: of diffusers' norm before the MLP.
  package func following(_ compatibility: DiTCompatibility, eps: Float = 1e-5) -> DiTConfiguration {
    var result = self
    result.timestepDivisor = compatibility == .diffusers ? 127 : 128
    result.mlpNormEps = compatibility == .diffusers ? eps : 1e-6
    return result
  }
}
