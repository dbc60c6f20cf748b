/// How adapter files name their tensors: a prefix, the name of a layer, and what of it the tensor is.
enum LoRANames {
  enum Role: Sendable, Equatable {
    /// A [rank, inputs…], B [outputs, rank], α [], m [outputs].
    case down, up, alpha, magnitude
    /// A part that no LoRA as read here has, and what it is.
    case other(String)
  }

  /// The layer as the file spells it, prefix included, and what the tensor is of it; nil for a tensor of no adapter.
  static func parse(_ name: String) -> (layer: String, role: Role)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if let found = foreign.first(where: { mark, _ in parts.dropFirst().contains { $0.hasPrefix(mark) } }) {
      return (name, .other(found.what))
    }
    func layer(_ end: Int) -> String { parts[..<end].joined(separator: ".") }
    if parts.count > 1, parts.last == "alpha" { return (layer(parts.count - 1), .alpha) }
    // "lora_A", "lora_A.weight", and "lora_A.default.weight" in a model that PEFT still holds.
    for end in parts.indices.dropFirst().reversed() {
      guard let role = roles[parts[end]] else { continue }
      let rest = parts[(end + 1)...]
      if rest.last == "bias" { return (layer(end), .other("a bias of the adapter (lora_bias)")) }
      guard rest.isEmpty || (rest.last == "weight" && rest.count <= 2) else { return nil }
      return (layer(end), role)
    }
    // "lora.down.weight", and "attn1.processor.to_q_lora.down.weight" of diffusers' first training scripts.
    guard parts.count > 3, parts.last == "weight", let role = directions[parts[parts.count - 2]] else { return nil }
    let holder = parts[parts.count - 3]
    if holder == "lora" || holder == "lora_linear_layer" { return (layer(parts.count - 3), role) }
    guard holder.hasSuffix("_lora") else { return nil }
    var path = Array(parts[..<(parts.count - 3)])
    if path.last == "processor" { path.removeLast() }
    let own = String(holder.dropLast("_lora".count))
    return ((path + [own == "to_out" ? "to_out.0" : own]).joined(separator: "."), role)
  }

  private static let roles: [String: Role] = [
    "lora_A": .down, "lora_down": .down, "lora_B": .up, "lora_up": .up, "lora_magnitude_vector": .magnitude,
  ]
  private static let directions: [String: Role] = ["down": .down, "up": .up]

  /// Other methods, and parts of LoRA that are not read: refused by these names.
  private static let foreign: [(mark: String, what: String)] = [
    ("lokr_", "LoKr, another method than LoRA"), ("hada_", "LoHa, another method than LoRA"),
    ("ia3_", "IA3, another method than LoRA"), ("boft_", "BOFT, another method than LoRA"),
    ("oft_", "OFT, another method than LoRA"), ("glora_", "GLoRA, another method than LoRA"),
    ("vera_lambda", "VeRA, another method than LoRA"), ("hra_", "HRA, another method than LoRA"),
    ("fourierft_", "FourierFT, another method than LoRA"),
    (
      "dora_scale",
      "a DoRA as kohya and LyCORIS write it, which programs read in different ways; PEFT's form (lora_magnitude_vector) is read"
    ),
    ("lora_mid", "a decomposed convolution (lora_mid), which is not read"),
    ("lora_embedding_", "an adapter of an embedding, which is not read"),
    ("diff", "a whole difference of weights (LyCORIS full), another method than LoRA"),
    ("w_norm", "a difference of norms, which is not read"), ("b_norm", "a difference of norms, which is not read"),
    ("set_weight", "a whole weight in place of another, which is not read"),
    ("reshape_weight", "a change of a weight's shape, which is not read"),
  ]

  // MARK: prefixes

  /// What programs put before the layers of a transformer, longest first.
  private static let prefixes = [
    "unet.base_model.model.", "base_model.model.", "model.diffusion_model.", "diffusion_model.", "transformer.", "unet.",
    "module.", "_orig_mod.", "model.", "lora_transformer_", "lora_unet_", "lycoris_",
  ]

  /// A layer's name without what programs put before it.
  static func bare(_ layer: String) -> String {
    var layer = layer[...]
    while let prefix = prefixes.first(where: layer.hasPrefix), layer.count > prefix.count {
      layer = layer.dropFirst(prefix.count)
    }
    return String(layer)
  }

  private static let textPrefixes = [
    "text_encoder", "lora_te", "lora_text", "text_model.", "te.", "te1.", "te2.", "lycoris_text", "cond_stage_model.",
    "conditioner.",
  ]

  /// Whether a tensor belongs to a text encoder.
  static func isOfTextEncoder(_ name: String) -> Bool {
    let bare = bare(name)
    return textPrefixes.contains { name.hasPrefix($0) || bare.hasPrefix($0) } || name.contains("SelfAttention")
  }

  /// The model that a layer's name gives away, which is none of ours.
  static func foreignModel(_ name: String) -> String? {
    let marks = [
      (["down_blocks", "up_blocks", "input_blocks", "output_blocks", "middle_block", "mid_block_attentions"],
        "a Stable Diffusion U-Net"),
      (["double_blocks", "single_blocks", "single_transformer_blocks"], "Flux"),
      (["joint_blocks", "add_k_proj", "add_q_proj"], "Stable Diffusion 3"),
    ]
    return marks.first { $0.0.contains { name.contains($0) } }?.1
  }
}
