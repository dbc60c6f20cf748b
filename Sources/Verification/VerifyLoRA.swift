import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTransformer
import Foundation

/// Adapters merged into a model: its new weights and what it computes with them, from diffusers' file and from the original
/// one; or which odd files are refused.
@Sendable func verifyLoRA(_ test: inout VerificationCase) throws {
  guard test.url.pathExtension != "json" else { return try verifyOddAdapters(&test) }
  guard let base = try LoRABase(test.manifest["base"]?.string, test) else {
    return test.exact("skipped", true, note: "no \(test.manifest["base"]?.string ?? "") here, or no model that this program runs")
  }
  let file = try test.data()
  let conditions = try base.conditions(file)
  let names = (test.manifest["files"]?.array ?? []).compactMap(\.string).filter { !$0.hasSuffix(".json") }
  let weights = test.manifest["weights"]?.object
  // One after the other, or each by itself: the same adapter in several forms.
  let sets = weights == nil ? names.map { [$0] } : [names]
  for set in sets {
    let adapters = try set.map { (file: try LoRAFile(test.folder.appendingPathComponent($0)), name: $0) }
    for scale in [1, 0.6, 0.0] {
      let output = scale == 1 ? "output" : "output_scale\(scale)"
      guard file.contains("expected.\(output)") else { continue }
      let used = adapters.map { (file: $0.file, scale: Float(weights?[$0.name]?.number ?? scale)) }
      for stored in base.checkpoints {
        let note = "\(set.joined(separator: " + ")) in \(URL(fileURLWithPath: stored.location).lastPathComponent)"
        let merged = try stored.merging(used, into: base.configuration.adapterTargets(in: stored))
        if scale == 1, let first = base.checkpoints.first, stored.location == first.location {
          try compareWeights(&test, merged, file, note)
        }
        let model = try base.configuration.load(merged, backend: test.backend)
        try verifyForward(&test, model, file, conditions, output: output, note: note)
      }
    }
  }
}

/// All new weights together: as one row.
private func compareWeights(_ test: inout VerificationCase, _ merged: Checkpoint, _ file: Checkpoint, _ note: String) throws {
  let prefix = "expected.merged."
  let names = file.records.map(\.name.string).filter { $0.hasPrefix(prefix) }
  guard !names.isEmpty else { return }
  test.compare(
    "merged", expected: try names.flatMap { try file.tensor($0).array },
    actual: try names.flatMap { try merged.tensor(String($0.dropFirst(prefix.count))).array }, note: note)
}

/// The model that adapters of the fixtures change.
private struct LoRABase {
  let configuration: any TransformerConfiguration
  let checkpoints: [Checkpoint]

  /// - Parameter name: of a folder beside the group's.
  /// - Returns: nil where it is not there, or of no family here.
  init?(_ name: String?, _ test: VerificationCase) throws {
    let folder = test.folder.deletingLastPathComponent().appendingPathComponent(name ?? "")
    let file = folder.appendingPathComponent("config.json")
    guard name != nil, FileManager.default.fileExists(atPath: file.path),
      let found = try ModelFamilies.configuration(ConfigurationFile(file), ModelHints())
    else { return nil }
    configuration = found
    checkpoints = try ["diffusion_pytorch_model.safetensors", "original.pth"].map(folder.appendingPathComponent)
      .filter { FileManager.default.fileExists(atPath: $0.path) }.map { try openCheckpoint(at: $0) }
    guard !checkpoints.isEmpty else { return nil }
  }

  func conditions(_ file: Checkpoint) throws -> [Condition] {
    let captions = try file.tensor("input.caption")
    let masks = try rows(of: "input.mask", in: file)
    return try masks.indices.map { row in
      let caption = captions.slice(row, count: 1).reshaped(Array(captions.shape.dropFirst()))
      return try Condition(text: unpadded(caption, masks[row]))
    }
  }
}

/// Files that must be refused in one line that names them, and some that must not.
private func verifyOddAdapters(_ test: inout VerificationCase) throws {
  let list = try readConfiguration(JSONValue.self, at: test.url)
  guard let base = try LoRABase(list["base"]?.string, test), let stored = base.checkpoints.first else {
    return test.exact("skipped", true, note: "no base model")
  }
  for entry in list["files"]?.array ?? [] {
    let name = entry["file"]?.string ?? ""
    let shouldLoad = entry["expected"]?.string == "load"
    do {
      let adapter = try LoRAFile(test.folder.appendingPathComponent(name))
      _ = try stored.merging([(file: adapter, scale: 1)], into: base.configuration.adapterTargets(in: stored))
      test.exact(name, shouldLoad, note: shouldLoad ? "loads" : "it was taken")
    } catch {
      let line = "\(error)"
      let isNamed = line.contains(URL(fileURLWithPath: name).lastPathComponent) && !line.contains("\n")
      test.exact(name, !shouldLoad && isNamed, note: line)
    }
  }
}
