/// A protocol buffer, field by field (protobuf.dev, "Encoding").
struct ProtoWriter {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ field: Int, _ number: Int) {
    add(varint: UInt64(field) << 3)
    add(varint: UInt64(bitPattern: Int64(number)))
  }

  mutating func add(_ field: Int, _ number: Float) {
    add(varint: UInt64(field) << 3 | 5)
    withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 }
  }

  mutating func add(_ field: Int, _ content: some Collection<UInt8>) {
    add(varint: UInt64(field) << 3 | 2)
    add(varint: UInt64(content.count))
    bytes += content
  }

  private mutating func add(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
