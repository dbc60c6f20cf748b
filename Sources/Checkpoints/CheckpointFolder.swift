import DiTFiles
import Foundation

/// Which files of a folder are its checkpoint: the names the Hugging Face libraries use, else the only file of its kind.
///
/// A variant (`model.fp16.safetensors`) is read where the full weights are not there. Shards are read by their index, or all
/// of them where it was not downloaded.
struct CheckpointFolder {
  private let folder: URL
  private let names: [String]

  /// - Throws: `FileError`.
  init(_ folder: URL) throws {
    self.folder = folder
    names = try DiTFiles.names(in: folder)
  }

  /// The file, or the shards, to read.
  /// - Throws: ``LoadError/unreadable(file:reason:)`` where there is none, or it is not clear which.
  func files() throws -> [URL] {
    let endings = [".safetensors", SafetensorsIndex.suffix(of: ".safetensors"), ".bin", SafetensorsIndex.suffix(of: ".bin")]
    let full = endings.flatMap { ending in Self.stems.map { $0 + ending } }.filter(names.contains)
    if let found = full.first(where: isUsable) ?? variant() { return [place(found)] }
    if let shards = try Shards.sets(of: names).first { return try shards.files(in: folder) }
    // An index without shards says which are missing.
    if let index = full.first { return [place(index)] }
    return [try onlyFile()]
  }

  private static let stems = ["model", "diffusion_pytorch_model", "pytorch_model"]

  private func place(_ name: String) -> URL { folder.appendingPathComponent(name) }

  /// An index is of use where at least one of its shards is there.
  private func isUsable(_ name: String) -> Bool {
    !name.hasSuffix(".json") || SafetensorsIndex.hasShards(place(name))
  }

  /// Of `fp16`, `bf16`, … the weights of one.
  private func variant() -> String? {
    var found: [(variant: String, name: String)] = []
    for name in names where isUsable(name) {
      for stem in Self.stems where name.hasPrefix(stem + ".") {
        let parts = name.dropFirst(stem.count + 1).split(separator: ".").map(String.init)
        let format = ["safetensors", "bin"]
        let rest = parts.filter { !(format + ["index", "json"]).contains($0) }
        // model.fp16.safetensors; model.safetensors.index.fp16.json and the index's other spellings.
        guard rest.count == 1, parts.filter(format.contains).count == 1, parts.last == "json" || format.contains(parts.last ?? ""),
          parts.contains("index") == (parts.last == "json"), Shards(name) == nil
        else { continue }
        found.append((rest[0], name))
      }
    }
    let known = ["fp16", "bf16", "fp32"]
    let variants = Set(found.map(\.variant))
    guard let chosen = known.first(where: variants.contains) ?? (variants.count == 1 ? variants.first : nil) else { return nil }
    let files = found.filter { $0.variant == chosen }.map(\.name)
    return files.first { $0.hasSuffix(".safetensors") } ?? files.first { $0.contains("safetensors") } ?? files.first
  }

  private func onlyFile() throws -> URL {
    for ending in [SafetensorsIndex.suffix, ".safetensors", ".bin", ".pt", ".pth", ".ckpt"] {
      let matches = names.filter { $0.hasSuffix(ending) }
      if matches.count == 1 { return place(matches[0]) }
      if matches.count > 1 {
        throw LoadError.unreadable(
          file: folder.path,
          reason: "\(matches.count) \(ending) files, name one: \(matches.prefix(4).joined(separator: ", "))")
      }
    }
    throw LoadError.unreadable(file: folder.path, reason: "no checkpoint in this folder (*.safetensors, *.bin, *.pt)")
  }
}

/// Files that are one checkpoint in parts: `STEM-00001-of-00003.safetensors`, …
struct Shards: Equatable {
  let stem, ending: String
  let count: Int

  /// `model.fp16-00001-of-…` or `model-00001-of-….fp16.safetensors`.
  private var isVariant: Bool { stem.contains(".") || ending.dropFirst().contains(".") }

  /// The set that a file belongs to, by its name; nil where it is no shard.
  init?(_ name: String) {
    guard let match = name.wholeMatch(of: /(.+)-(\d{5})-of-(\d{5})((?:\.\w+)?\.(?:safetensors|bin|pt|pth))/),
      let number = Int(match.2), let count = Int(match.3), (1...10_000).contains(count), (1...count).contains(number)
    else { return nil }
    (stem, ending, self.count) = (String(match.1), String(match.4), count)
  }

  /// The sets in a folder, those without a variant in their name and safetensors first.
  static func sets(of names: [String]) throws -> [Shards] {
    var sets: [Shards] = []
    for name in names { if let set = Shards(name), !sets.contains(set) { sets.append(set) } }
    return sets.sorted {
      ($0.isVariant ? 1 : 0, $0.ending.hasSuffix(".safetensors") ? 0 : 1, $0.stem)
        < ($1.isVariant ? 1 : 0, $1.ending.hasSuffix(".safetensors") ? 0 : 1, $1.stem)
    }
  }

  /// All of them.
  /// - Throws: ``LoadError/unreadable(file:reason:)`` naming those that are missing.
  func files(in folder: URL) throws -> [URL] {
    let names = (1...count).map { String(format: "%@-%05d-of-%05d%@", stem, $0, count, ending) }
    let missing = names.filter { !FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
    guard missing.isEmpty else {
      let shown = missing.prefix(4).joined(separator: ", ") + (missing.count > 4 ? ", …" : "")
      throw LoadError.unreadable(file: folder.path, reason: "\(missing.count) of \(count) shards are missing: \(shown)")
    }
    return names.map(folder.appendingPathComponent)
  }
}
