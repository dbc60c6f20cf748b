import DiTCheckpoints

extension ParameterNames {
  /// Official names by their beginnings: what `renamed` begins with is named so instead.
  static func renaming(_ renamed: [(official: String, stored: String)]) -> @Sendable (String) -> String {
    { name in
      renamed.first { name.hasPrefix($0.official) }.map { $0.stored + name.dropFirst($0.official.count) } ?? name
    }
  }

  /// diffusers' names of a transformer, which are those of its blocks and `renamed` outside of them.
  static func diffusers(_ renamed: [(official: String, stored: String)]) -> ParameterNames {
    let outside = renaming(renamed)
    return ParameterNames { diffusersBlock($0) ?? [outside($0)] }
  }

  /// Where diffusers keeps a parameter of a block; nil for parameters outside of blocks.
  private static func diffusersBlock(_ name: String) -> [String]? {
    let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
    guard parts.count == 3, parts[0] == "blocks" else { return nil }
    let block = "transformer_blocks.\(parts[1])."
    let kind = parts[2].hasSuffix(".bias") ? ".bias" : ".weight"
    guard parts[2].hasSuffix(kind) else { return [block + parts[2]] }
    let stored: [String] =
      switch String(parts[2].dropLast(kind.count)) {
      case "attn.qkv": ["attn1.to_q", "attn1.to_k", "attn1.to_v"]
      case "attn.proj": ["attn1.to_out.0"]
      case "attn.q_norm": ["attn1.norm_q"]
      case "attn.k_norm": ["attn1.norm_k"]
      case "attn.sr": ["attn1.sr"]
      case "attn.norm": ["attn1.norm"]
      case "cross_attn.q_linear": ["attn2.to_q"]
      case "cross_attn.kv_linear": ["attn2.to_k", "attn2.to_v"]
      case "cross_attn.proj": ["attn2.to_out.0"]
      case "cross_attn.q_norm": ["attn2.norm_q"]
      case "cross_attn.k_norm": ["attn2.norm_k"]
      case "mlp.inverted_conv.conv": ["ff.conv_inverted"]
      case "mlp.depth_conv.conv": ["ff.conv_depth"]
      case "mlp.point_conv.conv": ["ff.conv_point"]
      case "mlp.fc1": ["ff.net.0.proj"]
      case "mlp.fc2": ["ff.net.2"]
      case "adaLN_modulation.1": ["norm1.linear"]
      default: [String(parts[2].dropLast(kind.count))]
      }
    return stored.map { block + $0 + kind }
  }
}
