import DiTCharts
import DiTImage
import DiTTestSupport
import Foundation

/// Numbers that look random and are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// One float as a byte, by way of a picture of one pixel.
func byte(_ value: Float) -> UInt8 { (try? Picture(planes: [value, 0, 0], width: 1, height: 1))?.pixels[0] ?? 0 }

extension Picture {
  static func random(_ width: Int, _ height: Int, seed: UInt64 = 1) -> Picture {
    var generator = SeededGenerator(seed)
    var picture = Picture(width: width, height: height)
    picture.pixels = picture.pixels.map { _ in .random(in: 0...255, using: &generator) }
    return picture
  }

  /// Smooth, with an edge: like a picture.
  static func scene(_ width: Int, _ height: Int) -> Picture {
    var picture = Picture(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        let u = Float(x) / Float(max(1, width - 1))
        let v = Float(y) / Float(max(1, height - 1))
        let inside = (u - 0.5) * (u - 0.5) + (v - 0.55) * (v - 0.55) < 0.08
        picture[x, y] =
          inside
          ? Color(byte(0.9 - v * 0.3), byte(0.35 + u * 0.3), 40)
          : Color(byte(0.3 + v * 0.4), byte(0.5 + v * 0.3), byte(0.9 - u * 0.2))
      }
    }
    return picture
  }
}

/// A new folder under the system's temporary one, gone when the test is.
final class Folder {
  let url: URL
  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("image-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(at: url) }
  func callAsFunction(_ name: String) -> URL { url.appendingPathComponent(name) }
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }
}

/// The chunks of a PNG file, read without libpng: the tests' own eyes.
struct Chunk: Equatable {
  let name: String
  let data: [UInt8]

  static func all(in bytes: [UInt8]) throws -> [Chunk] {
    struct Malformed: Error { let why: String }
    guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) else {
      throw Malformed(why: "signature")
    }
    var chunks: [Chunk] = []
    var i = 8
    while i < bytes.count {
      guard i + 12 <= bytes.count else { throw Malformed(why: "a torn chunk") }
      let count = Int(number(bytes, i))
      guard i + 12 + count <= bytes.count else { throw Malformed(why: "a torn chunk") }
      let body = bytes[(i + 4)..<(i + 8 + count)]
      guard checksum(body) == number(bytes, i + 8 + count) else { throw Malformed(why: "a checksum") }
      chunks.append(Chunk(name: String(decoding: body.prefix(4), as: UTF8.self), data: Array(body.dropFirst(4))))
      i += 12 + count
    }
    return chunks
  }

  static func number(_ bytes: [UInt8], _ i: Int) -> UInt32 {
    bytes[i..<(i + 4)].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// CRC-32 bit by bit, as the PNG specification defines it.
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(UInt32.max) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { c, _ in c & 1 == 1 ? c >> 1 ^ 0xEDB8_8320 : c >> 1 }
    }
  }

  /// The bytes of the chunk in a file.
  var encoded: [UInt8] {
    let body = Array(name.utf8) + data
    return bigEndian(UInt32(data.count)) + body + bigEndian(Self.checksum(body))
  }
}

func bigEndian(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
