/// The tables of a TIFF file, read from bytes that nobody vouches for, and written big-endian.
struct TIFF {
  static let ascii: UInt16 = 2, short: UInt16 = 3, long: UInt16 = 4, undefined: UInt16 = 7

  struct Entry {
    let tag: UInt16
    let type: UInt16
    let count: Int
    /// Where its value lies, or where four bytes say where that lies.
    let position: Int
  }

  let isBigEndian: Bool
  let firstDirectory: Int
  private let bytes: [UInt8]

  init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    if bytes.starts(with: Array("MM\0*".utf8)) {
      isBigEndian = true
    } else if bytes.starts(with: Array("II*\0".utf8)) {
      isBigEndian = false
    } else {
      return nil
    }
    guard let first = TIFF.number(bytes, at: 4, size: 4, isBigEndian) else { return nil }
    firstDirectory = first
  }

  /// The entries of the directory at an offset; none where it does not lie within the file.
  func entries(at offset: Int) -> [Entry] {
    guard let count = unsigned(at: offset, size: 2) else { return [] }
    return (0..<count).compactMap { index in
      let start = offset + 2 + index * 12
      guard let tag = unsigned(at: start, size: 2), let type = unsigned(at: start + 2, size: 2),
        let count = unsigned(at: start + 4, size: 4), start + 12 <= bytes.count
      else { return nil }
      return Entry(tag: UInt16(tag), type: UInt16(type), count: count, position: start + 8)
    }
  }

  /// The bytes of a text; nil where they do not lie within the file or are none.
  func data(_ entry: Entry) -> ArraySlice<UInt8>? {
    guard [1, TIFF.ascii, TIFF.undefined].contains(entry.type) else { return nil }
    guard let start = entry.count <= 4 ? entry.position : unsigned(at: entry.position, size: 4),
      start <= bytes.count, entry.count <= bytes.count - start
    else { return nil }
    return bytes[start..<(start + entry.count)]
  }

  /// One whole number of an entry.
  func number(_ entry: Entry) -> Int? {
    switch (entry.type, entry.count) {
    case (TIFF.short, 1): unsigned(at: entry.position, size: 2)
    case (TIFF.long, 1): unsigned(at: entry.position, size: 4)
    default: nil
    }
  }

  private func unsigned(at offset: Int, size: Int) -> Int? { TIFF.number(bytes, at: offset, size: size, isBigEndian) }

  private static func number(_ bytes: [UInt8], at offset: Int, size: Int, _ isBigEndian: Bool) -> Int? {
    guard offset >= 0, offset <= bytes.count - size else { return nil }
    let digits = bytes[offset..<(offset + size)]
    return (isBigEndian ? Array(digits) : digits.reversed()).reduce(0) { $0 << 8 | Int($1) }
  }

  // MARK: - Writing

  /// An entry and its value.
  struct Block {
    let tag: UInt16
    let type: UInt16
    var data: [UInt8]
  }

  /// A directory that begins at an offset, followed by the values that do not fit into it.
  static func directory(_ blocks: [Block], at offset: Int) -> [UInt8] {
    var table = bytes(UInt16(blocks.count))
    var values: [UInt8] = []
    let start = offset + 2 + blocks.count * 12 + 4
    for block in blocks {
      let count = block.type == long ? block.data.count / 4 : block.data.count
      table += bytes(block.tag) + bytes(block.type) + bytes(UInt32(count))
      if block.data.count <= 4 {
        table += block.data + [UInt8](repeating: 0, count: 4 - block.data.count)
      } else {
        table += bytes(UInt32(start + values.count))
        values += block.data + [UInt8](repeating: 0, count: block.data.count % 2)  // values begin at even offsets
      }
    }
    return table + bytes(UInt32(0)) + values  // no directory follows
  }

  static func bytes(_ value: UInt16) -> [UInt8] { PNGChunk.bytes(value) }
  static func bytes(_ value: UInt32) -> [UInt8] { PNGChunk.bytes(value) }
}
