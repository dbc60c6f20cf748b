import DiTCheckpoints
import Foundation

/// Models of other kinds that people bring: told by their tensors, or by the classes that their folders name.
enum ForeignModels {
  /// What classes are whose names do not say it; those of a family begin alike.
  private static let classes: [(beginning: String, title: String)] = [
    ("SD3", "a Stable Diffusion 3 transformer"), ("UNet2D", "a U-Net"), ("Sana", "a relative of SANA"),
    ("Hunyuan", "Hunyuan-DiT or one of its kin"), ("Wuerstchen", "Würstchen"), ("IF", "DeepFloyd IF"),
    ("LTX", "LTX-Video"), ("AutoencoderKL", "an autoencoder"), ("T5", "a text encoder"), ("CLIP", "a text encoder"),
  ]

  /// "UniDiffuser (UniDiffuserPipeline)", or the name alone.
  static func title(ofClass name: String) -> String {
    classes.first { name.hasPrefix($0.beginning) }.map { "\($0.title) (\(name))" } ?? name
  }

  /// Tensors by which a kind is told, all of them; one that ends in a dot begins a name. Looked for below wrappers' prefixes.
  /// They are tried before the models that run here, whose tensors some of these have too.
  static let tensors: [(kind: WeightsKind, marks: [String])] = [
    (.captionDecoderWithCLIP, ["encode_prefix.weight", "clip."]), (.captionDecoder, ["encode_prefix.weight"]),
    (.video, ["blocks.0.mlp.t_conv.weight"]), (.video, ["transformer_blocks.0.ff.conv_temp.weight"]),
    (.video, ["blocks.0.attn_temp.qkv.weight"]),
    (.video, ["temporal_transformer_blocks."]), (.video, ["spatial_blocks."]), (.video, ["patchify_proj.weight"]),
    (.video, ["blocks.0.self_attn.q.weight", "patch_embedding.weight"]),
    (.hunyuan, ["text_embedding_padding", "mlp_t5.0.weight"]),
    (.hunyuan, ["text_embedding_padding", "text_embedder.linear_1.weight"]),
    (.auraFlow, ["register_tokens", "double_layers."]), (.auraFlow, ["register_tokens", "joint_transformer_blocks."]),
    (.auraFlow, ["register_tokens", "single_transformer_blocks."]),
    (.lumina, ["cap_embedder.0.weight", "layers."]), (.lumina, ["cap_embedder.1.weight", "layers."]),
    (.lumina, ["time_caption_embed.", "layers."]),
    (.stableCascade, ["clip_txt_pooled_mapper.weight"]), (.stableCascade, ["effnet_mapper.0.weight"]),
    (.stableCascade, ["down_blocks.0.0.channelwise.0.weight"]), (.qwenImage, ["transformer_blocks.0.img_mod.1.weight"]),
    (.flux, ["double_blocks."]), (.flux, ["single_transformer_blocks."]),
    (.stableDiffusion3, ["joint_blocks."]), (.stableDiffusion3, ["transformer_blocks.0.attn.add_q_proj.weight"]),
  ]

  /// What bundles bring beside the network: those of a whole checkpoint.
  private static let companions = ["first_stage_model.", "cond_stage_model.", "conditioner."]

  static func kind(of names: [String]) -> WeightsKind? {
    let all = Set(names)
    let bare = Set(names.map(withoutWrappers))
    func has(_ mark: String) -> Bool {
      mark.hasSuffix(".") ? bare.contains { $0.hasPrefix(mark) } : bare.contains(mark)
    }
    if let found = tensors.first(where: { $0.marks.allSatisfy(has) }) { return found.kind }
    guard has("input_blocks.") || has("conv_in.weight") && has("time_embedding.linear_1.weight") else { return nil }
    let isXL = has("label_emb.") || has("add_embedding.") || all.contains { $0.hasPrefix("conditioner.embedders.1.") }
    let isWhole = all.contains { name in companions.contains { name.hasPrefix($0) } }
    switch (isWhole, isXL) {
    case (true, true): return .stableDiffusionXL
    case (true, false): return .stableDiffusion
    case (false, true): return .unetXL
    case (false, false): return .unet
    }
  }

  /// What programs put before the names of a network.
  private static let wrappers: Set<Substring> = [
    "module", "model", "diffusion_model", "transformer", "net", "denoiser", "unet", "ema", "ema_model", "state_dict", "dit",
  ]

  private static func withoutWrappers(_ name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false).drop { wrappers.contains($0) }.joined(separator: ".")
  }

  /// What the names in a pickle tell of a file that is refused for its other objects: Stable Diffusion's own checkpoints bring
  /// the state of their training along.
  static func kind(ofPickleAt url: URL) -> WeightsKind? {
    guard let handle = try? FileHandle(forReadingFrom: url) else { return nil }
    defer { try? handle.close() }
    guard let head = try? handle.read(upToCount: 8 << 20) else { return nil }
    let hasUNet = head.range(of: Data("model.diffusion_model.input_blocks.".utf8)) != nil
    let isXL = head.range(of: Data("conditioner.embedders.".utf8)) != nil
    return hasUNet ? isXL ? .stableDiffusionXL : .stableDiffusion : nil
  }
}

extension WeightsKind {
  package static let lora = WeightsKind("a LoRA, which changes another model")
  package static let controlNet = WeightsKind("a ControlNet, which steers another model")
  package static let flux = WeightsKind("a Flux transformer")
  package static let stableDiffusion3 = WeightsKind("a Stable Diffusion 3 transformer")
  package static let stableDiffusion =
    WeightsKind("a Stable Diffusion checkpoint: a U-Net with its autoencoder and text encoder")
  package static let stableDiffusionXL =
    WeightsKind("a Stable Diffusion XL checkpoint: a U-Net with its autoencoder and text encoders")
  package static let unet = WeightsKind("a Stable Diffusion U-Net")
  package static let unetXL = WeightsKind("a Stable Diffusion XL U-Net")
  package static let captionDecoder = WeightsKind("a caption decoder of UniDiffuser")
  package static let captionDecoderWithCLIP = WeightsKind("a caption decoder of UniDiffuser, and a CLIP that nothing uses")
  package static let video = WeightsKind("a transformer for video")
  package static let hunyuan = WeightsKind("a Hunyuan-DiT transformer")
  package static let auraFlow = WeightsKind("an AuraFlow transformer")
  package static let lumina = WeightsKind("a Lumina transformer")
  package static let stableCascade = WeightsKind("a Stable Cascade model")
  package static let qwenImage = WeightsKind("a Qwen-Image transformer")
  package static let t5 = WeightsKind("a T5 text encoder")
  package static let clip = WeightsKind("a CLIP text encoder")
  package static let clipVision = WeightsKind("a CLIP encoder of pictures")
  package static let autoencoderKL = WeightsKind("an AutoencoderKL")
  package static let tinyAutoencoder = WeightsKind("a tiny autoencoder (TAESD)")
  package static let gguf = WeightsKind("a GGUF file")
  package static let unknown = WeightsKind("a file of tensors that this program does not know")
}
