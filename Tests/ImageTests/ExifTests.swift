import DiTImage
import Testing

@Suite struct ExifTests {
  /// `Exif\0\0` and a block with one orientation.
  static func block(_ orientation: UInt16, littleEndian: Bool) -> [UInt8] {
    func number(_ value: UInt16) -> [UInt8] {
      let bytes = [UInt8(value >> 8), UInt8(value & 0xFF)]
      return littleEndian ? bytes.reversed() : bytes
    }
    func number(_ value: UInt32) -> [UInt8] { littleEndian ? bigEndian(value).reversed() : bigEndian(value) }
    return Array("Exif\0\0".utf8) + Array((littleEndian ? "II" : "MM").utf8) + number(UInt16(42)) + number(UInt32(8))
      + number(UInt16(1)) + number(UInt16(0x0112)) + number(UInt16(3)) + number(UInt32(1)) + number(orientation)
      + [0, 0] + number(UInt32(0))
  }

  /// A JPEG with a segment behind its beginning.
  static func jpeg(_ file: [UInt8], _ block: [UInt8]) -> [UInt8] {
    file.prefix(2) + [0xFF, 0xE1, UInt8((block.count + 2) >> 8), UInt8((block.count + 2) & 0xFF)] + block + file.dropFirst(2)
  }

  /// A WebP of one chunk with an extended header before it and Exif behind.
  static func webp(_ file: [UInt8], _ picture: Picture, _ block: [UInt8]) -> [UInt8] {
    func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    let header = Array("VP8X".utf8) + little(10, 4) + little(8, 4) + little(picture.width - 1, 3) + little(picture.height - 1, 3)
    let exif = Array("EXIF".utf8) + little(block.count, 4) + block + (block.count % 2 == 1 ? [0] : [])
    let body = Array("WEBP".utf8) + header + file.dropFirst(12) + exif
    return Array("RIFF".utf8) + little(body.count, 4) + body
  }

  /// A PNG with an eXIf chunk, which has no "Exif\0\0".
  static func png(_ picture: Picture, _ block: [UInt8]) throws -> [UInt8] {
    var chunks = try Chunk.all(in: picture.encoded())
    chunks.insert(Chunk(name: "eXIf", data: Array(block.dropFirst(6))), at: 1)
    return signature + chunks.flatMap(\.encoded)
  }

  /// A thousand entries that share one text of 64 KB: read once.
  @Test func repeatedTags() throws {
    let picture = Picture.random(2, 3)
    let count = 1000
    var block = Array("Exif\0\0MM\0*".utf8) + bigEndian(UInt32(8)) + [UInt8(count >> 8), UInt8(count & 0xFF)]
    let start = UInt32(block.count - 6 + count * 12 + 4)
    for _ in 0..<count { block += [0x01, 0x0E, 0, 2] + bigEndian(UInt32(65_536)) + bigEndian(start) }
    block += [0, 0, 0, 0] + [UInt8](repeating: UInt8(ascii: "a"), count: 65_536)
    #expect(try PictureContents(Self.png(picture, block)).texts.map(\.keyword) == ["Description"])
  }

  /// Two columns and three rows, "ab", "cd" and "ef", as they are seen; the order is Exif's.
  static let seen = ["ab/cd/ef", "ba/dc/fe", "fe/dc/ba", "ef/cd/ab", "ace/bdf", "eca/fdb", "fdb/eca", "bdf/ace"]

  @Test(arguments: 1...8, [false, true])
  func orientations(_ number: Int, littleEndian: Bool) throws {
    let stored = Picture.random(2, 3)
    let block = Self.block(UInt16(number), littleEndian: littleEndian)
    let rows = Self.seen[number - 1].split(separator: "/").map(Array.init)
    let lossless = try stored.encoded(as: .webp, quality: 100)
    let lossy = try stored.encoded(as: .jpeg)
    for (plain, turned) in [
      (stored, Self.webp(lossless, stored, block)), (try PictureContents(lossy).picture, Self.jpeg(lossy, block)),
      (stored, try Self.png(stored, block)),
    ] {
      let picture = try PictureContents(turned).picture
      #expect((picture.width, picture.height) == (rows[0].count, rows.count))
      for (y, row) in rows.enumerated() {
        for (x, letter) in row.enumerated() {
          let index = Int(letter.asciiValue ?? 0) - 97
          #expect(picture[x, y] == plain[index % 2, index / 2])
        }
      }
    }
  }

  @Test func nonsenseLeavesThePictureAsItIs() throws {
    let file = try Picture.random(2, 3).encoded(as: .jpeg)
    let plain = try PictureContents(file)
    for block in [Self.block(0, littleEndian: true), Self.block(9, littleEndian: false), Array("Exif\0\0II*\0".utf8), []] {
      #expect(try PictureContents(Self.jpeg(file, block)) == plain)
    }
    // Every byte of a block with texts, wrong in turn.
    let texts = [PNGText("Description", "a fox"), PNGText("parameters", "a\nSteps: 2, Seed: 1, Size: 8x8")]
    let written = try Picture.random(2, 3).encoded(as: .jpeg, texts: texts)
    for position in 24..<min(260, written.count) {
      for value: UInt8 in [0, 0x7F, 0xFF] {
        var damaged = written
        damaged[position] = value
        _ = try? PictureContents(damaged)
      }
    }
  }

  /// Little-endian characters, as some programs write them, are told by their zeros.
  @Test(arguments: [false, true])
  func userCommentsOfBothOrders(_ littleEndian: Bool) throws {
    let text = "a 狐\nSteps: 2, Sampler: Euler, Seed: 1"
    let units = text.utf16.flatMap { unit in
      let bytes = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
      return littleEndian ? bytes.reversed() : bytes
    }
    let comment = Array("UNICODE\0".utf8) + units
    let head: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8]
    let pointer: [UInt8] = [0, 1, 0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0]
    let entry: [UInt8] = [0, 1, 0x92, 0x86, 0, 7] + bigEndian(UInt32(comment.count)) + [0, 0, 0, 44, 0, 0, 0, 0]
    let block = Array("Exif\0\0".utf8) + head + pointer + entry + comment
    let contents = try PictureContents(Self.jpeg(Picture.random(2, 3).encoded(as: .jpeg), block))
    #expect(contents.texts == [PNGText("parameters", text)])
  }
}
