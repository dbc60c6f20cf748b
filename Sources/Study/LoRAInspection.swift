import DiTCheckpoints
import DiTErrors
import DiTModels
import Foundation

/// What a LoRA file is, and which models it fits.
package struct LoRAInspection: Encodable, Sendable {
  /// Layers of one kind: those of all blocks together.
  package struct Layers: Encodable, Sendable {
    /// "transformer_blocks.*.attn1.to_q".
    package let name: String
    package let count: Int
    package let outputs, inputs: Int
    package let ranks: [Int]
    /// α/r, or α/√r: how much of B·A is added at scale 1.
    package let scales: [Double]
  }

  package let file: String
  package let form: String
  package let isDoRA: Bool
  package let layers: [Layers]
  package let numbers: Int
  package let notes: [String]
  /// What prompts call what it was taught; nil: `dit-t2i teach` did not make it.
  package let word: String?
  /// Names of the models it fits.
  package let fits: [String]

  /// Whether a file or folder is meant to be an adapter.
  package static func recognises(_ url: URL) -> Bool {
    FileManager.default.fileExists(atPath: url.appendingPathComponent("adapter_config.json").path)
      || (try? openCheckpoint(at: url)).map(WeightsKind.init) == .lora
  }

  /// - Parameter models: folders or files that are tried.
  package init(_ adapter: LoRA, models: [URL]) {
    let read = adapter.file
    (file, form, notes, word) = (read.location, read.form, read.notes, adapter.word)
    isDoRA = read.layers.contains(where: \.isDoRA)
    numbers = read.layers.reduce(0) { $0 + $1.rank * ($1.outputs + $1.width) + ($1.isDoRA ? $1.outputs : 0) }
    let kinds = Dictionary(grouping: read.layers) { layer in
      "\(LoRAInspection.kind(layer.name)) \(layer.outputs) \(layer.width)"
    }
    layers = kinds.values.map { layers in
      Layers(
        name: LoRAInspection.kind(layers[0].name), count: layers.count, outputs: layers[0].outputs, inputs: layers[0].width,
        ranks: Set(layers.map(\.rank)).sorted(), scales: Set(layers.map(\.scaling)).sorted())
    }.sorted { ($0.name, $0.outputs, $0.inputs) < ($1.name, $1.outputs, $1.inputs) }
    fits = models.filter { (try? adapter.check(fits: $0)) != nil }.map(\.lastPathComponent)
  }

  /// The first number, a block's, as `*`.
  private static func kind(_ name: String) -> String {
    name.replacing(/(?<before>[._])[0-9]+(?<after>[._])/, maxReplacements: 1) { "\($0.before)*\($0.after)" }
  }

  /// A line on the whole, and one for each kind of layer.
  package var text: String {
    let list = { (values: [Double]) in
      let shown = values.count > 1 ? "\(brief(values[0])) to \(brief(values[values.count - 1]))" : values.first.map(brief) ?? ""
      return shown
    }
    let ranks = list(Set(layers.flatMap(\.ranks)).sorted().map(Double.init))
    let count = layers.reduce(0) { $0 + $1.count }
    let head = "\(file): a \(isDoRA ? "DoRA" : "LoRA") (\(form)); \(counted(count, "layer")), rank \(ranks), \(numbers) numbers"
    let names = layers.map { layer in
      let shown = String(printable(layer.name).dropFirst().dropLast())
      let name = shown + String(repeating: " ", count: max(1, 44 - shown.count))
      return "  \(name)\(layer.count) × [\(layer.outputs), \(layer.inputs)], rank \(list(layer.ranks.map(Double.init))), "
        + "scale \(list(layer.scales))"
    }
    let fit = fits.isEmpty
      ? "fits none of the models here; name another: dit-t2i inspect MODEL --lora FILE"
      : "fits " + fits.joined(separator: ", ")
    let taught = word.map { ["taught as \(listed([$0]))"] } ?? []
    return ([head] + names + taught + notes.map { "note: \($0)" } + [fit]).joined(separator: "\n")
  }

  private func brief(_ value: Double) -> String {
    value == value.rounded() ? String(Int(value)) : String(format: "%.4g", value)
  }
}
