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
  /// Whether it is a transformer that runs here.
  package var isTransformer: Bool { layout != nil }

  init(_ title: String, _ layout: CheckpointLayout? = nil) { (self.title, self.layout) = (title, layout) }

  package static func == (a: WeightsKind, b: WeightsKind) -> Bool { a.title == b.title }

  package init(_ checkpoint: Checkpoint) {
    let names = checkpoint.records.map(\.name.string)
    func has(_ marks: [String]) -> Bool { checkpoint.below(marks) != nil }
    func prefixed(_ all: String...) -> Bool { names.contains { name in all.contains { name.hasPrefix($0) } } }

    let loraMarks = ["lora_A", "lora_B", "lora_up", "lora_down", ".lora.", "lora_unet", "lora_te", "hada_w1", "lokr_w1"]
    let isLoRA = names.contains { name in loraMarks.contains { name.contains($0) } }
    self =
      switch true {
      case isLoRA: .lora
      case prefixed("control_model.", "controlnet_", "controlnet.", "zero_convs.", "input_hint_block."): .controlNet
      default:
        ForeignModels.kind(of: names)
          ?? ModelFamilies.layout(of: checkpoint).map { WeightsKind($0.layout.title, $0.layout) }
          ?? WeightsKind.part(has, prefixed("text_model.encoder.", "transformer.text_model."))
      }
  }

  /// A part of a model.
  private static func part(_ has: ([String]) -> Bool, _ isCLIP: Bool) -> WeightsKind {
    switch true {
    case has(["encoder.block.0.layer.0.SelfAttention.q.weight"]): .t5
    case !isCLIP && !has(["token_embedding.weight"])
      && (has(["vision_model.post_layernorm.weight"]) || has(["visual.class_embedding"])):
      .clipVision
    case isCLIP, has(["transformer.resblocks.0.attn.in_proj_weight"]), has(["embeddings.token_embedding.weight"]): .clip
    case has(["decoder.conv_in.weight"]), has(["encoder.conv_in.weight"]): .autoencoderKL
    case has(["decoder.layers.0.weight"]), has(["1.weight", "3.conv.0.weight"]), has(["0.weight", "1.conv.0.weight"]),
      has(["layers.0.weight"]):
      .tinyAutoencoder
    default: .unknown
    }
  }

  /// The transformer in a file, its sizes read off the shapes of its tensors.
  /// - Parameter checkpoint: as ``openTransformer(at:)`` gives it.
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
  let file = try openCheckpoint(at: url)
  let checkpoint = (try? file.transformer()) ?? file
  let kind = WeightsKind(checkpoint)
  let sizes = try? WeightsKind.configuration(of: checkpoint, ModelHints()).summary
  let count = file.records.reduce(0) { $0 + $1.count }
  let types = Dictionary(grouping: file.records, by: \.type).mapValues { $0.reduce(0) { $0 + $1.count } }
    .sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }.map(\.key.rawValue).joined(separator: ", ")
  let amount = count >= 1_000_000 ? String(format: "%.1f million", Double(count) / 1e6) : "\(count)"
  return [kind.title, sizes, "\(file.records.count) tensors, \(amount) numbers", types]
    .compactMap { $0 }.joined(separator: "; ")
}

extension Checkpoint {
  /// The tensors of a transformer that runs here, by the names of its authors; all of them where there is none.
  fileprivate func transformer() throws -> Checkpoint {
    let names = try unwrapped()
    guard ForeignModels.kind(of: names.records.map(\.name.string)) == nil else { return names }
    return try (ModelFamilies.layout(of: names)?.tensors ?? names).network([])
  }
}

/// Opens a file or folder that should be a transformer's weights: its tensors by the names of its authors.
/// - Throws: ``ModelError/notATransformer(path:what:)`` for files of other kinds that are not opened, `LoadError`.
package func openTransformer(at url: URL) throws -> Checkpoint {
  guard !WeightsKind.isGGUF(url) else {
    throw ModelError.notATransformer(path: url.path, what: WeightsKind.gguf.title)
  }
  do {
    return try openCheckpoint(at: url).transformer()
  } catch let error as LoadError {
    if case .refused = error, let kind = ForeignModels.kind(ofPickleAt: url) {
      throw ModelError.notATransformer(path: url.path, what: kind.title)
    }
    throw error
  }
}
