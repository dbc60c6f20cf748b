/// A piece of a PNG file: four letters and data.
struct PNGChunk: Equatable {
  var name: String
  var data: [UInt8]

  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Length, name, data and checksum.
  var encoded: [UInt8] {
    let body = Array(name.utf8) + data
    return Self.bytes(UInt32(data.count)) + body + Self.bytes(Self.checksum(body))
  }

  /// The chunks of a file that this module has encoded itself.
  static func split(_ file: [UInt8]) -> [PNGChunk] {
    var chunks: [PNGChunk] = []
    var i = signature.count
    while i + 12 <= file.count {
      let count = Int(file[i..<(i + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
      guard count <= file.count - i - 12 else { break }
      chunks.append(
        PNGChunk(
          name: String(decoding: file[(i + 4)..<(i + 8)], as: UTF8.self),
          data: Array(file[(i + 8)..<(i + 8 + count)])))
      i += 12 + count
    }
    return chunks
  }

  /// Big-endian, as all numbers in PNG.
  static func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
  static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

  /// CRC-32 (ISO 3309), a byte at a time.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ $0 >> 8 }
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
}
