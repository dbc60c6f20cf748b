import Foundation

/// Under which names a checkpoint holds the parameters of a DiT.
///
/// The model asks for the names of the official code; a naming says where those lie in another file. One name may be
/// several matrices stacked along their outputs (q, k and v).
public struct DiTNames: Sendable {
  let stored: @Sendable (String) -> [String]

  /// The one name, or the first, that an official name has in such a file.
  public func name(of official: String) -> String { stored(official).first ?? official }

  /// facebookresearch/DiT.
  public static let official = DiTNames { [$0] }

  /// This project's own text transformer.
  public static let ours = DiTNames { name in
    let renamed = [
      ("x_embedder.proj", "x_embedder"), ("t_embedder.mlp", "t_mlp"), ("y_embedder.embedding_table", "y_table"),
      ("final_layer.adaLN_modulation", "ada_final"), ("final_layer.linear", "linear_final"),
    ].first { name.hasPrefix($0.0) }
    return [renamed.map { $0.1 + name.dropFirst($0.0.count) } ?? name]
  }

  /// diffusers' `DiTTransformer2DModel`. The timestep and class embedders are copied into every block there; block 0's
  /// are read.
  public static let diffusers = DiTNames { name in
    let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
    if parts[0] == "blocks", parts.count == 3 {
      let block = "transformer_blocks.\(parts[1])."
      let kind = parts[2].hasSuffix(".bias") ? ".bias" : ".weight"
      switch String(parts[2].dropLast(kind.count)) {
      case "attn.qkv": return ["to_q", "to_k", "to_v"].map { "\(block)attn1.\($0)\(kind)" }
      case "attn.proj": return [block + "attn1.to_out.0" + kind]
      case "mlp.fc1": return [block + "ff.net.0.proj" + kind]
      case "mlp.fc2": return [block + "ff.net.2" + kind]
      case "adaLN_modulation.1": return [block + "norm1.linear" + kind]
      default: return [block + parts[2]]
      }
    }
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
}
