import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTransformer

/// What a file of weights is, judged by the names and shapes of its tensors; no number is read.
package struct WeightsKind: Sendable, Equatable {
  /// "a class-conditional DiT", "a LoRA, which changes another model".
  package let title: String
  /// How to read its sizes, where `--model` takes it.
  let layout: CheckpointLayout?

  private init(_ title: String, _ layout: CheckpointLayout? = nil) { (self.title, self.layout) = (title, layout) }

  package static func == (a: WeightsKind, b: WeightsKind) -> Bool { a.title == b.title }

  package static let lora = WeightsKind("a LoRA, which changes another model")
  package static let controlNet = WeightsKind("a ControlNet, which steers another model")
  package static let flux = WeightsKind("a Flux transformer")
  package static let stableDiffusion3 = WeightsKind("a Stable Diffusion 3 transformer")
  package static let stableDiffusion =
    WeightsKind("a Stable Diffusion checkpoint: a U-Net with its autoencoder and text encoder")
  package static let unet = WeightsKind("a Stable Diffusion U-Net")
  package static let t5 = WeightsKind("a T5 text encoder")
  package static let clip = WeightsKind("a CLIP text encoder")
  package static let autoencoderKL = WeightsKind("an AutoencoderKL")
  package static let tinyAutoencoder = WeightsKind("a tiny autoencoder (TAESD)")
  package static let gguf = WeightsKind("a GGUF file")
  package static let unknown = WeightsKind("a file of tensors that this program does not know")

  package init(_ checkpoint: Checkpoint) {
    let names = checkpoint.records.map(\.name.string)
    func has(_ all: String...) -> Bool { all.allSatisfy(checkpoint.contains) }
    func anyName(_ test: (String) -> Bool) -> Bool { names.contains(where: test) }
    func prefixed(_ all: String...) -> Bool { anyName { name in all.contains { name.hasPrefix($0) } } }

    let loraMarks = ["lora_A", "lora_B", "lora_up", "lora_down", ".lora.", "lora_unet", "lora_te", "hada_w1", "lokr_w1"]
    let isLoRA = anyName { name in loraMarks.contains { name.contains($0) } }
    let isControl = prefixed("control_model.", "controlnet_", "zero_convs.", "input_hint_block.")
    if !isLoRA, !isControl, let layout = ModelFamilies.layout(of: checkpoint) {
      self.init(layout.title, layout)
      return
    }
    self =
      switch true {
      case isLoRA: .lora
      case isControl: .controlNet
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

  /// The transformer in a file, its sizes read off the shapes of its tensors.
  /// - Throws: ``ModelError/notATransformer(path:what:)`` for anything else, `LoadError` for shapes that make no sense.
  static func configuration(
    of checkpoint: Checkpoint, _ hints: ModelHints
  ) throws -> any TransformerConfiguration {
    let kind = WeightsKind(checkpoint)
    guard let layout = kind.layout else {
      throw ModelError.notATransformer(path: checkpoint.location, what: kind.title)
    }
    return try layout.configuration(TensorShapes(checkpoint), hints)
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
  if WeightsKind.isGGUF(url) { return WeightsKind.gguf.title }
  let checkpoint = try openCheckpoint(at: url)
  let kind = WeightsKind(checkpoint)
  let sizes = try? WeightsKind.configuration(of: checkpoint, ModelHints()).summary
  let count = checkpoint.records.reduce(0) { $0 + $1.count }
  let types = Dictionary(grouping: checkpoint.records, by: \.type).mapValues { $0.reduce(0) { $0 + $1.count } }
    .sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }.map(\.key.rawValue).joined(separator: ", ")
  let amount = count >= 1_000_000 ? String(format: "%.1f million", Double(count) / 1e6) : "\(count)"
  return [kind.title, sizes, "\(checkpoint.records.count) tensors, \(amount) numbers", types]
    .compactMap { $0 }.joined(separator: "; ")
}

/// Opens a file that should be a transformer's weights.
/// - Throws: ``ModelError/notATransformer(path:what:)`` for a GGUF file, `LoadError`.
package func openCheckpoint(recognisedAt url: URL) throws -> Checkpoint {
  guard !WeightsKind.isGGUF(url) else {
    throw ModelError.notATransformer(path: url.path, what: WeightsKind.gguf.title)
  }
  return try openCheckpoint(at: url)
}
