/// Reads little-endian numbers and runs of bytes one after another, never past the end.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  private let what: String

  /// - Parameter what: names the bytes in the message of a premature end.
  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, what: String) {
    self.bytes = bytes
    self.position = min(max(0, position), bytes.count)
    self.what = what
  }

  var remaining: Int { bytes.count - position }

  mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else { throw Malformed("\(what) is cut short") }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws -> Value {
    Value(littleEndian: try take(MemoryLayout<Value>.size).loadUnaligned(as: Value.self))
  }

  /// A size or an offset of 8 bytes.
  mutating func size() throws -> Int {
    guard let value = Int(exactly: try integer(UInt64.self)) else {
      throw Malformed("\(what) has a size that is too large")
    }
    return value
  }
}
