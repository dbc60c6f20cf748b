import DiTCharts
import DiTImage
import DiTTestSupport
import Foundation
import Testing

@Suite struct PictureTests {
  /// The few lines of safetensors that one fixture needs.
  struct Tensors {
    let header: [String: Entry], data: Data
    struct Entry: Decodable {
      let shape: [Int], offsets: [Int]
      enum CodingKeys: String, CodingKey { case shape, offsets = "data_offsets" }
    }

    init(_ url: URL) throws {
      let file = try Data(contentsOf: url)
      let count = Int(file.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
      header = try JSONDecoder().decode([String: Entry].self, from: file.subdata(in: 8..<(8 + count)))
      data = file.subdata(in: (8 + count)..<file.count)
    }

    func bytes(_ name: String) throws -> [UInt8] {
      let entry = try #require(header[name])
      return [UInt8](data[entry.offsets[0]..<entry.offsets[1]])
    }

    func floats(_ name: String) throws -> [Float] {
      let bytes = try bytes(name)
      return stride(from: 0, to: bytes.count, by: 4).map { i in
        Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[i + $1]) << (8 * UInt32($1)) })
      }
    }
  }

  @Test(arguments: ["edges", "halves", "ramp", "random", "signed"])
  func floatsBecomeBytesExactly(name: String) throws {
    let tensors = try Tensors(Fixtures.url("image/to_8bit.safetensors"))
    let shape = try #require(tensors.header["\(name).float_chw"]).shape
    let picture = try Picture(
      planes: tensors.floats("\(name).float_chw"), width: shape[2], height: shape[1],
      range: name == "signed" ? .signed : .unit)
    #expect(picture.pixels == (try tensors.bytes("\(name).u8_hwc")))
  }

  @Test func everyFloatAroundEveryBoundaryRoundsAsTwoOperations() {
    for step in 0..<255 {
      let middle = (Float(step) + 0.5) / 255
      for value in [middle.nextDown.nextDown, middle.nextDown, middle, middle.nextUp, middle.nextUp.nextUp] {
        let product: Float = value * 255
        #expect(byte(value) == UInt8((product + 0.5).rounded(.down)))
      }
    }
    #expect([Float.nan, -.infinity, .infinity, -0.0, 1.5, -3].map(byte) == [0, 0, 255, 0, 255, 0])
  }

  @Test func planesComeBack() throws {
    let picture = Picture.random(7, 5)
    #expect(try Picture(planes: picture.planes(), width: 7, height: 5) == picture)
    #expect(try Picture(planes: picture.planes(range: .signed), width: 7, height: 5, range: .signed) == picture)
    #expect(picture.planes()[0] == Float(picture.pixels[0]) / 255)
    #expect(picture.planes()[35] == Float(picture.pixels[1]) / 255)
  }

  @Test func pixelsAreRowsOfTriples() {
    var picture = Picture(width: 3, height: 2, filledWith: Color(0x010203))
    picture[2, 1] = Color(0xFFEEDD)
    #expect(picture.pixels == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 0xFF, 0xEE, 0xDD])
    #expect(picture[2, 1] == Color(0xFFEEDD))
  }

  @Test func brightnessIsLuma() throws {
    let picture = try Picture(width: 5, height: 1, pixels: [255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    let mask = Mask(brightnessOf: picture)
    #expect(mask.values == [255, 0, 76, 150, 29])
    #expect(mask.inverted.values == [0, 255, 179, 105, 226])
  }
}
