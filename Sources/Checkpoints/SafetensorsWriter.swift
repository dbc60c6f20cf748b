import DiTFiles
import Foundation
import DiTTensors

/// Writes a safetensors file, tensor by tensor, so that no more than one of them need be in memory.
///
/// As in the reference, tensors lie in order of falling element size and then of name, after a header padded with
/// spaces to 8 bytes: every tensor is aligned. The file replaces its target at once when it is complete
/// (`AtomicFile`).
package struct SafetensorsWriter {
  /// Hands the bytes of a tensor, in any number of pieces, to the function it gets.
  package typealias Source = (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

  private struct Entry {
    let name: TensorName
    let type: ElementType
    let shape: [Int]
    let byteCount: Int
    let source: Source
  }

  private let url: URL
  private let metadata: [String: String]
  private var entries: [TensorName: Entry] = [:]

  package init(_ url: URL, metadata: [String: String] = [:]) {
    self.url = url
    self.metadata = metadata
  }

  // MARK: adding

  /// Adds a tensor whose bytes are asked for when the file is written.
  /// - Throws: ``LoadError/unwritable(file:reason:)`` for a name that is taken or not UTF-8, or a shape that overflows.
  package mutating func add(_ name: TensorName, type: ElementType, shape: [Int], source: @escaping Source) throws {
    guard String(validating: name.bytes, as: UTF8.self) != nil, name != Safetensors.metadataKey else {
      throw LoadError.unwritable(file: url.path, reason: "\(name) cannot be the name of a tensor")
    }
    guard let byteCount = checkedByteCount(shape: shape, type: type) else {
      throw LoadError.unwritable(file: url.path, reason: "the shape \(brief(shape)) of tensor \(name) overflows")
    }
    let entry = Entry(name: name, type: type, shape: shape, byteCount: byteCount, source: source)
    guard entries.updateValue(entry, forKey: name) == nil else {
      throw LoadError.unwritable(file: url.path, reason: "two tensors are named \(name)")
    }
  }

  /// Adds bytes in memory.
  package mutating func add(_ name: TensorName, type: ElementType, shape: [Int], bytes: Data) throws {
    try add(name, type: type, shape: shape) { sink in try bytes.withUnsafeBytes(sink) }
  }

  /// Adds a tensor in memory, in its own type.
  package mutating func add(_ name: TensorName, _ tensor: Tensor) throws {
    try add(name, type: tensor.type, shape: tensor.shape) { sink in
      try withExtendedLifetime(tensor.storage) {
        try sink(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.count * tensor.type.size))
      }
    }
  }

  /// Adds a tensor in memory, rounded to a type of floating point.
  package mutating func add(_ name: TensorName, _ tensor: Tensor, as type: ElementType) throws {
    var bytes = Data(count: tensor.count * type.size)
    bytes.withUnsafeMutableBytes { type.encode(tensor.array[...], into: $0) }
    try add(name, type: type, shape: tensor.shape, bytes: bytes)
  }

  /// Adds a tensor of another checkpoint, bit for bit.
  package mutating func add(_ record: TensorRecord, as name: TensorName? = nil) throws {
    try add(name ?? record.name, type: record.type, shape: record.shape) { sink in
      let (bytes, owner) = try record.contiguous()
      try withExtendedLifetime(owner) {
        try sink(UnsafeRawBufferPointer(start: bytes, count: record.count * record.type.size))
      }
    }
  }

  /// Adds a matrix as int8 under `name`, and its scales under `name.scale`; one that is int8 stays as it is.
  /// - Parameters:
  ///   - matrix: read now, for its scales, and again when the file is written: a large model's would not fit into memory all
  ///     at once.
  ///   - shape: the tensor's own shape, whose first dimension is the matrix's rows.
  /// - Throws: ``LoadError/unwritable(file:reason:)`` also if the matrix holds a number that is not finite.
  package mutating func add(
    _ name: TensorName, quantising matrix: @autoclosure @escaping () throws -> StoredMatrix, shape: [Int]
  ) throws {
    let first = try matrix()
    let scales = first.scales ?? quantiseRows(first).scales
    first.release()
    if let row = scales.firstIndex(where: { !$0.isFinite }) {
      throw LoadError.unwritable(
        file: url.path, reason: "row \(row) of tensor \(name) holds a number that is not finite")
    }
    try add(name, type: .i8, shape: shape) { sink in
      let matrix = try matrix()
      if matrix.type == .i8 {
        try withExtendedLifetime(matrix.owner) {
          try sink(UnsafeRawBufferPointer(start: matrix.bytes, count: matrix.rows * matrix.columns))
        }
      } else {
        try quantiseRows(matrix).values.withUnsafeBytes(sink)
      }
      matrix.release()
    }
    let scaleName = name + TensorName(Checkpoint.scaleSuffix)
    try add(scaleName, type: .f32, shape: [scales.count], bytes: scales.withUnsafeBytes { Data($0) })
  }

  // MARK: writing

  /// Writes the file. After an error neither it nor a temporary file is there, and an old file is as it was.
  /// - Throws: ``LoadError/unwritable(file:reason:)`` (disk full, no permission …), or what a source throws.
  package func write() throws {
    try write(create: AtomicFile.create)
  }

  /// - Parameter create: opens the temporary file, as for `AtomicFile`.
  package func write(create: (String) -> Int32) throws {
    do {
      let file = try AtomicFile(url, followingLinks: false, create: create)
      try write(to: file)
      try file.commit()
    } catch FileError.unwritable(let path, let reason) {
      throw LoadError.unwritable(file: path, reason: reason)
    }
  }

  private func write(to file: AtomicFile) throws {
    let ordered = entries.values.sorted { ($1.type.size, $0.name) < ($0.type.size, $1.name) }
    let header = try header(ordered)
    var length = UInt64(header.count).littleEndian
    try withUnsafeBytes(of: &length) { try file.write($0) }
    try header.withUnsafeBytes { try file.write($0) }
    for entry in ordered {
      var written = 0
      try entry.source { piece in
        try file.write(piece)
        written += piece.count
      }
      guard written == entry.byteCount else {
        throw LoadError.unwritable(
          file: url.path, reason: "tensor \(entry.name) has \(written) bytes, its shape needs \(entry.byteCount)")
      }
    }
  }

  private func header(_ ordered: [Entry]) throws -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
      members.append("\"\(Safetensors.metadataKey.string)\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for entry in ordered {
      let (end, overflow) = offset.addingReportingOverflow(entry.byteCount)
      guard !overflow else { throw LoadError.unwritable(file: url.path, reason: "the sizes of the tensors overflow") }
      let shape = entry.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(Self.quoted(entry.name.string)):{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var bytes = Array("{\(members.joined(separator: ","))}".utf8)
    bytes += Array(repeating: UInt8(ascii: " "), count: (8 - bytes.count % 8) % 8)
    guard bytes.count <= Safetensors.headerLimit else {
      throw LoadError.unwritable(file: url.path, reason: "a header of \(bytes.count) bytes is over the format's limit")
    }
    return bytes
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
