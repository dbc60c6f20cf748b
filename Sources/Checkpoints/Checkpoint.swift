/// A set of named tensors in one file or several, read on demand from where they lie.
///
/// Copies and views (``scoped(_:)``, ``renamed(_:)``) share the mapped files, and remember together which tensors were
/// read, so that ``requireAllRead(except:)`` finds the ones a model has no use for.
package struct Checkpoint: Sendable {
  /// The file or folder it came from, for messages.
  package let location: String
  /// In the order of the data.
  package let records: [TensorRecord]
  /// Free text stored beside the tensors (safetensors' `__metadata__`).
  package let metadata: [String: String]

  private let places: [TensorName: Int]
  /// Put before a name in messages: what ``scoped(_:)`` took away.
  let prefix: TensorName
  let log: ReadLog

  /// - Throws: ``LoadError/malformed(file:tensor:reason:)`` if two records have one name.
  package init(location: String, records: [TensorRecord], metadata: [String: String] = [:]) throws {
    try self.init(location: location, records: records, metadata: metadata, prefix: "", log: ReadLog())
  }

  private init(
    location: String, records: [TensorRecord], metadata: [String: String], prefix: TensorName, log: ReadLog
  ) throws {
    var places: [TensorName: Int] = [:]
    for (index, record) in records.enumerated() {
      guard places.updateValue(index, forKey: record.name) == nil else {
        throw LoadError.malformed(file: location, tensor: record.name, reason: "there are two tensors of this name")
      }
    }
    self.location = location
    self.records = records
    self.metadata = metadata
    self.places = places
    self.prefix = prefix
    self.log = log
  }

  // MARK: lookup

  package func record(_ name: TensorName) -> TensorRecord? { places[name].map { records[$0] } }

  /// Looks a tensor up by the UTF-8 bytes of `name`.
  package subscript(name: String) -> TensorRecord? { record(TensorName(name)) }

  package func contains(_ name: String) -> Bool { self[name] != nil }

  // MARK: views

  /// The tensors whose names start with `prefix`, under the rest of their names.
  package func scoped(_ prefix: String) -> Checkpoint {
    let prefix = TensorName(prefix)
    var inner = records.filter { $0.name.hasPrefix(prefix) }
    for index in inner.indices {
      inner[index].name = TensorName(bytes: inner[index].name.bytes.dropFirst(prefix.bytes.count))
    }
    // Taking one prefix from different names leaves different names: this cannot throw.
    return
      (try? Checkpoint(
        location: location, records: inner, metadata: metadata, prefix: self.prefix + prefix, log: log)) ?? self
  }

  /// The tensors under other names: `newName` gets the stored one and returns the one to look it up by, or nil to leave
  /// the tensor out.
  /// - Throws: ``LoadError/malformed(file:tensor:reason:)`` if two tensors get one name.
  package func renamed(_ newName: (String) -> String?) throws -> Checkpoint {
    let renamed = records.compactMap { record -> TensorRecord? in
      guard let name = newName(record.name.string) else { return nil }
      var record = record
      record.name = TensorName(name)
      return record
    }
    return try Checkpoint(location: location, records: renamed, metadata: metadata, prefix: prefix, log: log)
  }

  /// Tensors that others were stacked into along their rows as those: `names` tells which, from the first rows on, or nil.
  /// - Throws: ``LoadError`` where the rows cannot be shared out, or two tensors get one name.
  package func unstacked(_ names: (String) -> [String]?) throws -> Checkpoint {
    let apart = try records.flatMap { record -> [TensorRecord] in
      let name = record.name.string
      // The scales of int8 rows go with them.
      let suffix = name.hasSuffix(Self.scaleSuffix) ? Self.scaleSuffix : ""
      guard let parts = names(String(name.dropLast(suffix.utf8.count))) else { return [record] }
      guard let rows = record.shape.first, rows % parts.count == 0 else {
        throw LoadError.wrongShape(
          file: record.file.path, tensor: prefix + record.name, expected: "\(parts.count) times as many rows",
          found: brief(record.shape))
      }
      return parts.enumerated().map { record.rows(rows / parts.count, part: $0, name: TensorName($1 + suffix)) }
    }
    return try Checkpoint(location: location, records: apart, metadata: metadata, prefix: prefix, log: log)
  }

  /// The same tensors, some of them changed when they are read.
  func replacing(_ merge: (TensorName) -> WeightMerge?) -> Checkpoint {
    let changed = records.map { record in
      var record = record
      record.merge = merge(record.name) ?? record.merge
      return record
    }
    // The names are the same: this cannot throw.
    return (try? Checkpoint(location: location, records: changed, metadata: metadata, prefix: prefix, log: log)) ?? self
  }

  /// All tensors but these.
  package func without(_ names: Set<String>) throws -> Checkpoint { try renamed { names.contains($0) ? nil : $0 } }

  /// The tensors under other names, by a table from the stored names; names outside the table stay.
  /// - Throws: ``LoadError/malformed(file:tensor:reason:)`` if two tensors get one name.
  package func renamed(_ table: [String: String]) throws -> Checkpoint {
    try renamed { table[$0] ?? $0 }
  }
}
