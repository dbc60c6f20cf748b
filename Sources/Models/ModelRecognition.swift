import DiTCheckpoints
import Foundation
import DiTTensors

/// What a file of weights is, judged by the names and shapes of its tensors; no number is read.
package enum WeightsKind: String, Sendable, CaseIterable {
  case dit = "a class-conditional DiT"
  case diffusersDiT = "a class-conditional DiT in diffusers' names"
  case textDiT = "a text DiT of this program"
  case pixArt = "a PixArt transformer"
  case diffusersPixArt = "a PixArt transformer in diffusers' names"
  case uvit = "a U-ViT"
  case lora = "a LoRA, which changes another model"
  case controlNet = "a ControlNet, which steers another model"
  case flux = "a Flux transformer"
  case stableDiffusion3 = "a Stable Diffusion 3 transformer"
  case stableDiffusion = "a Stable Diffusion checkpoint: a U-Net with its autoencoder and text encoder"
  case unet = "a Stable Diffusion U-Net"
  case t5 = "a T5 text encoder"
  case clip = "a CLIP text encoder"
  case autoencoderKL = "an AutoencoderKL"
  case tinyAutoencoder = "a tiny autoencoder (TAESD)"
  case gguf = "a GGUF file"
  case unknown = "a file of tensors that this program does not know"

  /// Whether `--model` takes it.
  package var isTransformer: Bool {
    switch self {
    case .dit, .diffusersDiT, .textDiT, .pixArt, .diffusersPixArt, .uvit: true
    default: false
    }
  }

  package init(_ checkpoint: Checkpoint) {
    let names = checkpoint.records.map(\.name.string)
    func has(_ all: String...) -> Bool { all.allSatisfy(checkpoint.contains) }
    func anyName(_ test: (String) -> Bool) -> Bool { names.contains(where: test) }
    func prefixed(_ all: String...) -> Bool { anyName { name in all.contains { name.hasPrefix($0) } } }

    let loraMarks = ["lora_A", "lora_B", "lora_up", "lora_down", ".lora.", "lora_unet", "lora_te", "hada_w1", "lokr_w1"]
    let isLoRA = anyName { name in loraMarks.contains { name.contains($0) } }
    self =
      switch true {
      case isLoRA: .lora
      case prefixed("control_model.", "controlnet_", "zero_convs.", "input_hint_block."): .controlNet
      case has("y_table.weight", "x_embedder.weight", "t_mlp.0.weight"): .textDiT
      case has("x_embedder.proj.weight", "t_block.1.weight", "y_embedder.y_proj.fc1.weight"): .pixArt
      case has("pos_embed.proj.weight", "adaln_single.linear.weight", "caption_projection.linear_1.weight"):
        .diffusersPixArt
      case has(
        "x_embedder.proj.weight", "t_embedder.mlp.0.weight", "y_embedder.embedding_table.weight",
        "blocks.0.adaLN_modulation.1.weight"):
        .dit
      case has("pos_embed.proj.weight", "transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight"):
        .diffusersDiT
      case has("patch_embed.proj.weight", "mid_block.attn.qkv.weight", "decoder_pred.weight"): .uvit
      case prefixed("double_blocks.", "model.diffusion_model.double_blocks.", "single_transformer_blocks."): .flux
      case prefixed("joint_blocks.", "model.diffusion_model.joint_blocks."),
        has("transformer_blocks.0.attn.add_q_proj.weight"):
        .stableDiffusion3
      case prefixed("model.diffusion_model.input_blocks."): .stableDiffusion
      case prefixed("input_blocks."), has("conv_in.weight", "time_embedding.linear_1.weight"): .unet
      case has("encoder.block.0.layer.0.SelfAttention.q.weight"): .t5
      case prefixed("text_model.encoder.", "transformer.text_model."): .clip
      case has("decoder.conv_in.weight"), has("first_stage_model.decoder.conv_in.weight"), has("encoder.conv_in.weight"):
        .autoencoderKL
      case has("decoder.layers.0.weight"), has("1.weight", "3.conv.0.weight"), has("0.weight", "1.conv.0.weight"),
        has("layers.0.weight"), has("taesd_decoder.1.weight"):
        .tinyAutoencoder
      default: .unknown
      }
  }

  /// GGUF is not opened further: its quantised blocks are not supported.
  static func isGGUF(_ url: URL) -> Bool {
    guard let handle = try? FileHandle(forReadingFrom: url) else { return false }
    defer { try? handle.close() }
    return (try? handle.read(upToCount: 4)) == Data("GGUF".utf8)
  }
}

/// What a file or folder of weights is, in one line: kind, sizes, and how its numbers are stored. Reads none of them.
/// - Throws: `LoadError` where it is no checkpoint.
package func describeFile(_ url: URL) throws -> String {
  if WeightsKind.isGGUF(url) { return WeightsKind.gguf.rawValue }
  let checkpoint = try openCheckpoint(at: url)
  let kind = WeightsKind(checkpoint)
  let sizes = kind.isTransformer ? try? RecognisedTransformer(checkpoint, compatibility: nil).summary : nil
  let count = checkpoint.records.reduce(0) { $0 + $1.count }
  let types = Dictionary(grouping: checkpoint.records, by: \.type).mapValues { $0.reduce(0) { $0 + $1.count } }
    .sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }.map(\.key.rawValue).joined(separator: ", ")
  let amount = count >= 1_000_000 ? String(format: "%.1f million", Double(count) / 1e6) : "\(count)"
  return [kind.rawValue, sizes, "\(checkpoint.records.count) tensors, \(amount) numbers", types]
    .compactMap { $0 }.joined(separator: "; ")
}

/// Opens a file that should be a transformer's weights.
/// - Throws: ``ModelError/notATransformer(path:what:)`` for a GGUF file, `LoadError`.
package func openCheckpoint(recognisedAt url: URL) throws -> Checkpoint {
  guard !WeightsKind.isGGUF(url) else {
    throw ModelError.notATransformer(path: url.path, what: WeightsKind.gguf.rawValue)
  }
  return try openCheckpoint(at: url)
}
