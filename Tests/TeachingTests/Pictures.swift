import DiTBatch
import DiTImage
import DiTModels
import DiTTeaching
import DiTTestSupport
import Foundation

/// Pictures as tests make them.
enum Pictures {
  /// A blue disc with an orange half on a plain ground.
  static func thing(_ side: Int = 64, ground: Color = .white, width: Int? = nil) -> Picture {
    let width = width ?? side
    var picture = Picture(width: width, height: side, filledWith: ground)
    for y in 0..<side {
      for x in 0..<width {
        let (dx, dy) = (x - width / 2, y - side / 2)
        if dx * dx + dy * dy < side * side / 9 { picture[x, y] = dx < 0 ? Color(0x2040C0) : Color(0xE08020) }
      }
    }
    return picture
  }

  /// Something different at every place.
  static func photo(_ width: Int, _ height: Int) -> Picture {
    var picture = Picture(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width { picture[x, y] = Color(UInt8(x * 37 % 256), UInt8(y * 59 % 256), UInt8((x * y) % 256)) }
    }
    return picture
  }
}

extension TemporaryFolder {
  func write(_ text: String, to name: String) throws {
    let url = file(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  func write(_ picture: Picture, to name: String) throws {
    let url = file(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try picture.write(to: url)
  }

  /// What is found in it.
  func taught(_ captions: CaptionSources? = nil) throws -> TaughtPictures {
    try TaughtPictures([url], captions: captions ?? CaptionSources())
  }
}

/// PNG files with transparency, which the program reads and does not write.
enum RGBA {
  static func png(_ bytes: [UInt8], width: Int, height: Int) -> [UInt8] {
    var rows: [UInt8] = []
    for row in 0..<height { rows += [0] + bytes[row * width * 4..<(row + 1) * width * 4] }
    // Deflate's stored blocks, of 65,535 bytes at most.
    var stream: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: rows.count, by: 65_535) {
      let part = rows[start..<min(start + 65_535, rows.count)]
      let (low, high) = (UInt8(part.count & 0xFF), UInt8(part.count >> 8))
      stream += [part.endIndex == rows.count ? 1 : 0, low, high, ~low, ~high] + part
    }
    var (a, b) = (UInt32(1), UInt32(0))
    for byte in rows { (a, b) = ((a + UInt32(byte)) % 65_521, (b + a + UInt32(byte)) % 65_521) }
    stream += big(b << 16 | a)
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + chunk("IHDR", big(UInt32(width)) + big(UInt32(height)) + [8, 6, 0, 0, 0]) + chunk("IDAT", stream) + chunk("IEND", [])
  }

  private static func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

  private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + data
    var checksum: UInt32 = 0xFFFF_FFFF
    for byte in body {
      checksum ^= UInt32(byte)
      for _ in 0..<8 { checksum = checksum >> 1 ^ (checksum & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return big(UInt32(data.count)) + body + big(~checksum)
  }
}
