import Foundation

/// A checkpoint cut into shards: a JSON file whose `weight_map` says which file holds which tensor, as the Hugging Face
/// libraries write it. The shards lie beside it and may be of any format ``openCheckpoint(at:dictionary:)`` knows.
enum SafetensorsIndex {
  static let suffix = ".index.json"

  static func suffix(of ending: String) -> String { ending + suffix }

  /// Whether any of the shards is there that an index names; a file that is no index has none to look for.
  static func hasShards(_ url: URL) -> Bool {
    guard let file = try? MappedFile(url), let map = try? weightMap(file.bytes) else { return true }
    let folder = url.deletingLastPathComponent()
    return Set(map.map(\.shard)).contains {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
  }

  /// - Throws: ``LoadError``: a bad index, a path that leaves the folder, missing shards (all are named), a tensor that
  ///   is not in its shard.
  static func read(_ file: MappedFile) throws -> Checkpoint {
    let map = try parsing(file) { try weightMap(file.bytes) }
    let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent()
    let names = Set(map.map(\.shard)).sorted()
    let missing = names.filter { !FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
    guard missing.isEmpty else {
      let shown = missing.prefix(4).map(printable).joined(separator: ", ") + (missing.count > 4 ? ", …" : "")
      throw LoadError.malformed(
        file: file.path, reason: "\(missing.count) of \(names.count) shards missing beside it: \(shown)")
    }

    let wanted = Dictionary(grouping: map, by: \.shard)
    var records: [TensorRecord] = []
    for name in names {
      let shard = try openFile(MappedFile(folder.appendingPathComponent(name)))
      let tensors = Set((wanted[name] ?? []).map(\.tensor))
      for tensor in tensors.sorted() where shard.record(tensor) == nil {
        throw LoadError.missing(file: shard.location, tensor: tensor, note: ", which \(file.path) places there")
      }
      records += shard.records.filter { tensors.contains($0.name) }
    }
    return try Checkpoint(location: file.path, records: records)
  }

  private static func weightMap(_ bytes: UnsafeRawBufferPointer) throws -> [(tensor: TensorName, shard: String)] {
    guard bytes.count <= Safetensors.headerLimit else {
      throw Malformed("too large for an index: \(bytes.count) bytes")
    }
    var json = StrictJSON(bytes, lenient: true)
    var map: [(tensor: TensorName, shard: String)]?
    try json.object { json, key in
      guard key == "weight_map" else { return try json.skip() }
      var entries: [(tensor: TensorName, shard: String)] = []
      try json.object { json, tensor in
        let shard = String(decoding: try json.string(), as: UTF8.self)
        guard staysInside(shard) else {
          throw Malformed("the shard \(printable(shard)) is not a path inside the folder of the index", tensor: tensor)
        }
        entries.append((tensor, shard))
      }
      map = entries
    }
    try json.end(newlines: true)
    guard let map else { throw Malformed("no weight_map: not the index of a checkpoint") }
    return map
  }

  /// Relative, and without a step up.
  private static func staysInside(_ path: String) -> Bool {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String($0) }
    return !path.utf8.contains(0) && parts.allSatisfy { $0 != nil && !["", ".", ".."].contains($0) }
  }
}
