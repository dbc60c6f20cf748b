import Foundation
import DiTTensors

/// The safetensors format: 8 bytes of header length, a JSON header, the data.
///
/// As strict as the reference implementation (safetensors/src/tensor.rs), and stricter where it lets a file mean two
/// things: the header must start with `{`, and a key may come once only. Sorted by offset the tensors must fill the
/// data from its first to its last byte, without holes and overlaps, so that a small file cannot stand for a large
/// model and no foreign bytes hide between the weights.
enum Safetensors {
  /// Headers beyond this are refused unread, as in the reference.
  static let headerLimit = 100_000_000
  static let metadataKey: TensorName = "__metadata__"

  /// Whether a file starts like safetensors: a header length that fits, and the header's `{`.
  static func recognises(_ file: MappedFile) -> Bool {
    guard file.bytes.count > 8, file.bytes[8] == UInt8(ascii: "{") else { return false }
    return (try? headerLength(file.bytes)) != nil
  }

  /// - Throws: ``LoadError/malformed(file:tensor:reason:)``
  static func read(_ file: MappedFile) throws -> Checkpoint {
    try parsing(file) {
      let dataStart = 8 + (try headerLength(file.bytes))
      let header = try parseHeader(UnsafeRawBufferPointer(rebasing: file.bytes[8..<dataStart]))
      let records = try place(header.entries, in: file, dataStart: dataStart)
      return try Checkpoint(location: file.path, records: records, metadata: header.metadata)
    }
  }

  private struct Entry {
    let name: TensorName
    let type: ElementType
    let shape: [Int]
    let begin: Int
    let end: Int
  }

  private static func headerLength(_ bytes: UnsafeRawBufferPointer) throws -> Int {
    guard bytes.count >= 8 else {
      throw Malformed("not a safetensors file: \(bytes.count) bytes are too few for the header's length")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(headerLimit) else {
      throw Malformed("a header of \(length) bytes is announced, over the limit of \(headerLimit)")
    }
    guard length <= UInt64(bytes.count - 8) else {
      throw Malformed("a header of \(length) bytes is announced, but only \(bytes.count - 8) follow")
    }
    return Int(length)
  }

  // MARK: header

  private static func parseHeader(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> (entries: [Entry], metadata: [String: String]) {
    guard bytes.first == UInt8(ascii: "{") else { throw Malformed("the header does not start with {") }
    var json = StrictJSON(bytes)
    var entries: [Entry] = []
    var metadata: [String: String] = [:]
    try json.object { json, name in
      if name == metadataKey {
        try json.object { json, key in
          metadata[key.string] = String(decoding: try json.string(), as: UTF8.self)
        }
      } else {
        entries.append(try parseEntry(&json, name))
      }
    }
    try json.end()
    return (entries, metadata)
  }

  private static func parseEntry(_ json: inout StrictJSON, _ name: TensorName) throws -> Entry {
    var type: ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    do {
      try json.object { json, key in
        switch key {
        case "dtype":
          let spelled = String(decoding: try json.string(), as: UTF8.self)
          guard let known = ElementType(rawValue: spelled) else {
            throw Malformed("unknown dtype \(printable(spelled))")
          }
          type = known
        case "shape": shape = try integers(&json)
        case "data_offsets": offsets = try integers(&json)
        default: try json.skip()  // as in the reference
        }
      }
      guard let type else { throw Malformed("no dtype") }
      guard let shape else { throw Malformed("no shape") }
      guard let offsets else { throw Malformed("no data_offsets") }
      guard offsets.count == 2 else { throw Malformed("\(offsets.count) data_offsets, expected 2") }
      guard offsets[0] <= offsets[1] else { throw Malformed("data_offsets \(offsets) are reversed") }
      guard let size = checkedByteCount(shape: shape, type: type) else {
        throw Malformed("the shape \(brief(shape)) overflows")
      }
      guard size == offsets[1] - offsets[0] else {
        throw Malformed(
          "\(type.rawValue) \(brief(shape)) takes \(size) bytes, data_offsets span \(offsets[1] - offsets[0])")
      }
      return Entry(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
    } catch let problem as Malformed {
      throw Malformed(problem.reason, tensor: problem.tensor ?? name)
    }
  }

  private static func integers(_ json: inout StrictJSON) throws -> [Int] {
    var result: [Int] = []
    try json.array { result.append(try $0.unsigned()) }
    return result
  }

  // MARK: data

  private static func place(_ entries: [Entry], in file: MappedFile, dataStart: Int) throws -> [TensorRecord] {
    let length = file.bytes.count - dataStart
    var filled = 0
    let records = try entries.sorted { ($0.begin, $0.end) < ($1.begin, $1.end) }.map { entry in
      guard entry.begin == filled else {
        let what = entry.begin < filled ? "overlaps another tensor" : "leaves a hole before it"
        throw Malformed("starts at byte \(entry.begin) of the data, expected \(filled): it \(what)", tensor: entry.name)
      }
      guard entry.end <= length else {
        throw Malformed(
          "ends at byte \(entry.end) of the data, which has \(length): the file is cut short", tensor: entry.name)
      }
      filled = entry.end
      return TensorRecord(
        name: entry.name, type: entry.type, shape: entry.shape, file: file,
        byteRange: dataStart + entry.begin..<dataStart + entry.end)
    }
    guard filled == length else { throw Malformed("\(length - filled) bytes follow the last tensor") }
    return records
  }
}
