import DiTCheckpoints
import DiTTensors

/// Everything that tells one UniDiffuser from another: v0 passes its times through MLPs, v1 is told what kind of data is
/// wanted.
package struct UniDiffuserConfiguration: Sendable, Equatable {
  package var hiddenSize: Int
  /// Blocks: an even number in two halves, and one between them.
  package var depth: Int
  package var heads: Int
  package var patchSize: Int
  package var latentChannels: Int
  /// Side of the latents that the stored positions are of.
  package var sampleSize: Int
  package var mlpRatio = 4.0
  package var hasQKVBias = false
  /// Tokens of a text, and numbers of a token.
  package var textTokens, wordSize: Int
  /// Numbers of CLIP's embedding of a picture.
  package var clipSize: Int
  package var hasTimeMLP: Bool
  package var hasDataType: Bool
  /// Whose times it is told: the authors count theirs from 1, diffusers from 0.
  package var compatibility = DiTCompatibility.official
  /// 1 asks for what clean pictures and captions are like, 0 for what the web's are; v0 is not told.
  package var dataType = 1

  var grid: Grid { Grid(height: sampleSize / patchSize, width: sampleSize / patchSize) }
  /// Two times, the kind of data, the text, and CLIP's embedding.
  var extraTokens: Int { 3 + (hasDataType ? 1 : 0) + textTokens }
  var blockShape: BlockShape {
    BlockShape(
      hiddenSize: hiddenSize, heads: heads, mlpSize: Int(Double(hiddenSize) * mlpRatio), normEps: 1e-5, mlpNormEps: 1e-5,
      activation: .geluErf)
  }
}

extension UniDiffuserConfiguration: Decodable {
  private enum CodingKeys: String, CodingKey {
    case heads = "num_attention_heads", headSize = "attention_head_dim", depth = "num_layers", patchSize = "patch_size"
    case latentChannels = "in_channels", sampleSize = "sample_size", hasQKVBias = "attention_bias"
    case textTokens = "num_text_tokens", wordSize = "text_dim", clipSize = "clip_img_dim"
    case hasTimeMLP = "use_timestep_embedding", hasDataType = "use_data_type_embedding"
    // The original's.
    case network = "nnet", hiddenSize = "embed_dim", originalDepth = "depth", originalHeads = "num_heads"
    case channels = "in_chans", side = "img_size", mlpRatio = "mlp_ratio", bias = "qkv_bias", timeMLP = "mlp_time_embed"
    case version
  }

  /// From diffusers' `config.json`, or the numbers of the original's Python configuration under `nnet`.
  package init(from decoder: Decoder) throws {
    let whole = try decoder.container(keyedBy: CodingKeys.self)
    let isOriginal = whole.contains(.network)
    let values = isOriginal ? try whole.nestedContainer(keyedBy: CodingKeys.self, forKey: .network) : whole
    heads = try values.size(isOriginal ? .originalHeads : .heads, 1...1_024)
    depth = try values.size(isOriginal ? .originalDepth : .depth, 0...1_000)
    patchSize = try values.size(.patchSize, 1...64)
    latentChannels = try values.size(isOriginal ? .channels : .latentChannels, 1...1_024)
    sampleSize = try values.size(isOriginal ? .side : .sampleSize, TransformerLimits.latents)
    textTokens = try values.size(.textTokens, 1...4_096, default: 77)
    wordSize = try values.size(.wordSize, 1...65_536, default: 64)
    clipSize = try values.size(.clipSize, 1...65_536, default: 512)
    hiddenSize = isOriginal ? try values.size(.hiddenSize, 4...65_536) : try heads * values.size(.headSize, 1...4_096)
    mlpRatio = try values.decodeIfPresent(Double.self, forKey: .mlpRatio) ?? 4
    hasQKVBias = try values.decodeIfPresent(Bool.self, forKey: isOriginal ? .bias : .hasQKVBias) ?? false
    hasTimeMLP = try values.decodeIfPresent(Bool.self, forKey: isOriginal ? .timeMLP : .hasTimeMLP) ?? false
    hasDataType = isOriginal
      ? try whole.decodeIfPresent(Int.self, forKey: .version) ?? 1 > 0
      : try values.decodeIfPresent(Bool.self, forKey: .hasDataType) ?? false
    guard depth % 2 == 0, hiddenSize % heads == 0, hiddenSize % 2 == 0, sampleSize % patchSize == 0, mlpRatio > 0, mlpRatio <= 64
    else {
      throw values.wrong(isOriginal ? .originalHeads : .heads, "the sizes of the network do not fit each other")
    }
  }
}

extension ParameterNames {
  /// diffusers' names of UniDiffuser's parameters. The norm that the original calls the second is its first.
  static let diffusersUniDiffuser = ParameterNames { name in
    let outside = ParameterNames.renaming([
      ("patch_embed.proj.", "vae_img_in.proj."), ("clip_img_embed.", "clip_img_in."), ("text_embed.", "text_in."),
      ("time_img_embed.0.", "timestep_img_embed.linear_1."), ("time_img_embed.2.", "timestep_img_embed.linear_2."),
      ("time_text_embed.0.", "timestep_text_embed.linear_1."), ("time_text_embed.2.", "timestep_text_embed.linear_2."),
      ("token_embedding.", "data_type_token_embedding."), ("pos_embed_token", "data_type_pos_embed_token"),
      ("norm.", "transformer.norm_out."), ("decoder_pred.", "vae_img_out."),
    ])
    guard let match = name.wholeMatch(of: /(in_blocks\.\d+|mid_block|out_blocks\.\d+)\.(.+)\.(weight|bias)/) else {
      return [outside(name)]
    }
    let block = "transformer.transformer_\(match.1)."
    let inner = block + (match.1.hasPrefix("out") ? "block." : "")
    let parts: [String] =
      switch match.2 {
      case "skip_linear": [block + "skip.skip_linear"]
      case "norm1": [block + "skip.norm"]
      case "norm2": [inner + "norm1"]
      case "norm3": [inner + "norm3"]
      case "attn.qkv": ["q", "k", "v"].map { inner + "attn1.to_" + $0 }
      case "attn.proj": [inner + "attn1.to_out.0"]
      case "mlp.fc1": [inner + "ff.net.0.proj"]
      default: [inner + "ff.net.2"]
      }
    return parts.map { "\($0).\(match.3)" }
  }
}
