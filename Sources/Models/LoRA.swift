import DiTCheckpoints
import DiTErrors
import DiTTransformer
import Foundation

/// A LoRA adapter, and how much of it is merged into the transformer's weights (arXiv 2106.09685).
///
/// Its file may be one of PEFT, diffusers, kohya, OneTrainer, LyCORIS or SimpleTuner; docs/LORA.md lists the forms.
public struct LoRA: Sendable, Equatable {
  /// The file, or PEFT's folder.
  public let url: URL
  /// How much of it: 1 as it was trained, 0 nothing (of DoRA the magnitude alone), less than 0 the contrary.
  public var scale: Float
  /// SHA-256 in hexadecimal, as of a model's files.
  package let hash: String
  package let file: LoRAFile

  /// - Parameters:
  ///   - url: a file, or a folder with one.
  ///   - scale: -100 to 100.
  /// - Throws: a ``UserError`` that names the file and what in it is damaged, or not read.
  public init(_ url: URL, scale: Float = 1) throws {
    self.url = url
    self.scale = scale
    file = try LoRAFile(url)
    hash = try ModelFingerprint.hash(of: file.files)
    guard LoRA.scales.contains(scale) else { throw LoRAUseError.scale(url.path, scale) }
  }

  /// What a scale may be.
  package static let scales: ClosedRange<Float> = -100...100

  /// What pictures call it: the name of the file without its ending, or of the folder.
  package var name: String { LoRA.name(of: url) }
  /// What pictures carry, as of models.
  package var shortHash: String { String(hash.prefix(10)) }

  /// What its file says that changes nothing.
  package var notes: [String] { file.notes }

  /// What prompts call what it was taught; nil: `dit-t2i teach` did not make it.
  package var word: String? { file.taught?.word }

  static let endings = ["safetensors", "bin", "pt", "pth", "ckpt"]

  /// Whether a file or folder in a folder of adapters is one, by its name.
  package static func isAdapter(_ url: URL) -> Bool {
    endings.contains(url.pathExtension)
      || FileManager.default.fileExists(atPath: url.appendingPathComponent("adapter_config.json").path)
  }

  package static func name(of url: URL) -> String {
    endings.contains(url.pathExtension) ? url.deletingPathExtension().lastPathComponent : url.lastPathComponent
  }

  /// By place, content and scale.
  public static func == (a: LoRA, b: LoRA) -> Bool { a.url == b.url && a.scale == b.scale && a.hash == b.hash }
}

/// A folder of adapters, in which prompts name them: `<lora:name:0.8>`.
package struct LoRAFolder: Sendable {
  package let url: URL
  /// Where names are looked for that are not in it.
  private let taught: URL?

  /// - Parameters:
  ///   - path: nil: `$DIT_T2I_LORA_FOLDER`, if it is set.
  ///   - taught: the folder of ``TaughtAdapters``, which counts too where it is there.
  package init?(_ path: String?, taught: URL? = nil) {
    let environment = ProcessInfo.processInfo.environment["DIT_T2I_LORA_FOLDER"].flatMap { $0.isEmpty ? nil : $0 }
    let taught = taught.flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
    guard let url = (path ?? environment).map({ URL(fileURLWithPath: $0) }) ?? taught else { return nil }
    self.url = url
    self.taught = url == taught ? nil : taught
  }

  private var places: [URL] { [url] + (taught.map { [$0] } ?? []) }

  /// Names of the adapters in it.
  package var names: [String] {
    let inside = places.flatMap {
      (try? FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)) ?? []
    }
    return Set(inside.filter(LoRA.isAdapter).map(LoRA.name)).sorted()
  }

  /// The file of a name, with its ending or without: nothing outside of the folder.
  /// - Throws: ``LoRAUseError``.
  package func find(_ name: String) throws -> URL {
    guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.contains("\0") else {
      throw LoRAUseError.noName(name)
    }
    let files = [name] + LoRA.endings.map { "\(name).\($0)" }
    let found = places.flatMap { place in files.map { place.appendingPathComponent($0) } }
      .first { FileManager.default.fileExists(atPath: $0.path) }
    guard let found else { throw LoRAUseError.notFound(name, folder: url.path, there: names) }
    return found
  }
}

/// Why an adapter cannot be used as it was asked for.
package enum LoRAUseError: WordedError, Equatable {
  case scale(String, Float)
  /// `<lora:…>` without a name and a number in it.
  case tag(String)
  case noName(String)
  case noFolder(String)
  case notFound(String, folder: String, there: [String])

  package var kind: UserErrorKind {
    switch self {
    case .scale, .tag, .noName, .noFolder: .usage
    case .notFound: .notFound
    }
  }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    switch self {
    case .scale(let path, let scale): "\(path): a scale of \(scale), expected -100 to 100"
    case .tag(let text): "\(text): expected <lora:NAME> or <lora:NAME:0.8>, with a scale from -100 to 100"
    case .noName(let name):
      "LoRA \(printable(name)): expected the name of a file in the folder of LoRAs, and no path"
    case .noFolder(let name):
      "LoRA \(printable(name)): say in which folder it is "
        + say("with --lora-folder or $DIT_T2I_LORA_FOLDER", "in GenerationRequest.takeAdapters(from:)")
    case .notFound(let name, let folder, let there):
      "no LoRA \(printable(name)) in \(folder)"
        + (there.isEmpty ? "" : "; it has \(there.prefix(6).joined(separator: ", "))\(there.count > 6 ? ", …" : "")")
    }
  }
}

extension ModelFolder {
  /// The transformer's weights with adapters merged into them: those of the model's options, and then these.
  /// - Throws: `LoRAError` where one does not fit; `LoadError`.
  package func transformerCheckpoint(_ adapters: [LoRA] = []) throws -> Checkpoint {
    let checkpoint = try openTransformer(at: weights)
    let all = (options.adapters + adapters).map { (file: $0.file, scale: $0.scale) }
    return all.isEmpty ? checkpoint : try checkpoint.merging(all, into: transformer.adapterTargets(in: checkpoint))
  }

  /// Throws where an adapter changes what the transformer does not have.
  package func check(_ adapter: LoRA) throws {
    try adapter.file.check(transformer.adapterTargets(in: openTransformer(at: weights)))
  }
}

extension LoRA {
  /// Throws where it does not fit a model, which may be a transformer alone.
  /// - Throws: `LoRAError`; `ModelError`, `ConfigurationError`, `LoadError` where there is no model.
  package func check(fits model: URL) throws {
    do {
      try ModelFolder(model).check(self)
    } catch ModelError.noAutoencoder, ModelError.noTextEncoder {
      let configuration = model.appendingPathComponent("config.json")
      let checkpoint = try openTransformer(at: model)
      let transformer =
        FileManager.default.fileExists(atPath: configuration.path)
        ? try ModelFamilies.configuration(ConfigurationFile(configuration), ModelHints())
        : try WeightsKind.configuration(of: checkpoint, ModelHints())
      try transformer.map { try file.check($0.adapterTargets(in: checkpoint)) }
    }
  }
}
