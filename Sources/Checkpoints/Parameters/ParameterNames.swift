import Foundation

/// Under which names a checkpoint holds the parameters of a transformer.
///
/// The model asks for the names of the official code; a naming says where those lie in another file. One name may be
/// several matrices stacked along their outputs (q, k and v).
package struct ParameterNames: Sendable {
  package let stored: @Sendable (String) -> [String]

  /// The one name, or the first, that an official name has in such a file.
  package func name(of official: String) -> String { stored(official).first ?? official }

  /// As the models' own authors name them: facebookresearch/DiT, PixArt-α and -Σ, U-ViT.
  package static let official = ParameterNames { [$0] }

  /// This project's own text transformer.
  package static let ours = ParameterNames { name in
    let renamed = [
      ("x_embedder.proj", "x_embedder"), ("t_embedder.mlp", "t_mlp"), ("y_embedder.embedding_table", "y_table"),
      ("final_layer.adaLN_modulation", "ada_final"), ("final_layer.linear", "linear_final"),
    ].first { name.hasPrefix($0.0) }
    return [renamed.map { $0.1 + name.dropFirst($0.0.count) } ?? name]
  }

  /// diffusers' `DiTTransformer2DModel`. The timestep and class embedders are copied into every block there; block 0's
  /// are read.
  package static let diffusers = ParameterNames { name in
    if let inBlock = diffusersBlock(name) { return inBlock }
    let embedders = "transformer_blocks.0.norm1.emb."
    let renamed = [
      ("x_embedder.proj", "pos_embed.proj"),
      ("t_embedder.mlp.0", embedders + "timestep_embedder.linear_1"),
      ("t_embedder.mlp.2", embedders + "timestep_embedder.linear_2"),
      ("y_embedder.embedding_table", embedders + "class_embedder.embedding_table"),
      ("final_layer.adaLN_modulation.1", "proj_out_1"), ("final_layer.linear", "proj_out_2"),
    ].first { name.hasPrefix($0.0) }
    return [renamed.map { $0.1 + name.dropFirst($0.0.count) } ?? name]
  }

  /// diffusers' `PixArtTransformer2DModel`.
  package static let diffusersPixArt = ParameterNames { name in
    if let inBlock = diffusersBlock(name) { return inBlock }
    let renamed = [
      ("x_embedder.proj", "pos_embed.proj"),
      ("t_embedder.mlp.0", "adaln_single.emb.timestep_embedder.linear_1"),
      ("t_embedder.mlp.2", "adaln_single.emb.timestep_embedder.linear_2"),
      ("csize_embedder.mlp.0", "adaln_single.emb.resolution_embedder.linear_1"),
      ("csize_embedder.mlp.2", "adaln_single.emb.resolution_embedder.linear_2"),
      ("ar_embedder.mlp.0", "adaln_single.emb.aspect_ratio_embedder.linear_1"),
      ("ar_embedder.mlp.2", "adaln_single.emb.aspect_ratio_embedder.linear_2"),
      ("t_block.1", "adaln_single.linear"), ("y_embedder.y_proj.fc1", "caption_projection.linear_1"),
      ("y_embedder.y_proj.fc2", "caption_projection.linear_2"), ("final_layer.linear", "proj_out"),
      ("final_layer.scale_shift_table", "scale_shift_table"),
    ].first { name.hasPrefix($0.0) }
    return [renamed.map { $0.1 + name.dropFirst($0.0.count) } ?? name]
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
      case "mlp.fc1": ["ff.net.0.proj"]
      case "mlp.fc2": ["ff.net.2"]
      case "adaLN_modulation.1": ["norm1.linear"]
      default: [String(parts[2].dropLast(kind.count))]
      }
    return stored.map { block + $0 + kind }
  }
}
