import DiTCharts
import DiTFiles
import DiTImage
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

@Suite struct SourceTests {
  /// A file that goes with its test.
  private final class File {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("dit-t2i-source-\(UUID()).png")
    init(_ picture: Picture) throws { try picture.write(to: url) }
    deinit { try? FileManager.default.removeItem(at: url) }
  }

  private static func gradient(_ width: Int, _ height: Int) -> Picture {
    var picture = Picture(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width { picture[x, y] = Color(UInt8(x * 255 / width), UInt8(y * 255 / height), 90) }
    }
    return picture
  }

  /// White in the right half.
  private static func halfMask(_ width: Int, _ height: Int) -> Picture {
    var mask = Canvas(width: width, height: height, background: .black)
    mask.fill(x: width / 2, y: 0, width: width / 2, height: height, color: .white)
    return mask.picture
  }

  @Test func sizesAreFitted() throws {
    let wide = try File(SourceTests.gradient(150, 77))
    #expect(try SourcePicture(wide.url, mask: nil, size: nil, step: 16).size == PictureSize(width: 144, height: 80))
    let size = PictureSize(width: 64, height: 96)
    #expect(try SourcePicture(wide.url, mask: nil, size: size, step: 16).size == size)
    let huge = try File(Picture(width: 2048, height: 1024))
    #expect(try SourcePicture(huge.url, mask: nil, size: nil, step: 16).size == PictureSize(width: 1024, height: 512))
  }

  /// The weaker, the nearer to the picture that went in and out of the autoencoder.
  @Test func strengthDecidesHowMuchIsNew() throws {
    let model = try MicroModel.model()
    let file = try File(SourceTests.gradient(64, 64))
    var request = try MicroModel.request()
    request.steps = 10
    request.source = try SourcePicture(file.url, mask: nil, size: request.size, step: model.folder.sizeStep)
    let pictures = try [0.1, 0.5, 0.9].map { strength in
      request.strength = strength
      return try model.draw([request])[0]
    }
    #expect(Set(pictures.map(\.picture.pixels)).count == 3)
    var fresh = request
    fresh.source = nil
    #expect(try model.draw([fresh])[0].picture != pictures[2].picture)
    request.seed += 1
    request.strength = 0.5
    #expect(try model.draw([request])[0].picture != pictures[1].picture)
  }

  /// Every sampler leaves what is masked black, draws the rest, and the surrounding matters to what it draws.
  @Test(arguments: ["dpm++", "unipc", "heun", "euler", "ddim", "ddpm"])
  func inpaintingKeepsTheRest(_ sampler: String) throws {
    let model = try MicroModel.model()
    let (file, other) = (try File(SourceTests.gradient(64, 64)), try File(Picture(width: 64, height: 64)))
    let mask = try File(SourceTests.halfMask(64, 64))
    var request = try MicroModel.request()
    request.sampler = sampler
    request.steps = 6
    let source = try SourcePicture(file.url, mask: mask.url, size: request.size, step: model.folder.sizeStep)
    request.source = source
    let given = try source.pixels().picture
    let drawn = try model.draw([request])[0].picture
    for y in 0..<64 {
      for x in 0..<32 { #expect(drawn[x, y] == given[x, y]) }
    }
    let new = (0..<64).filter { drawn[60, $0] != given[60, $0] }
    #expect(new.count > 32)
    request.source = try SourcePicture(other.url, mask: mask.url, size: request.size, step: model.folder.sizeStep)
    let elsewhere = try model.draw([request])[0].picture
    #expect((0..<64).contains { drawn[63, $0] != elsewhere[63, $0] })
  }

  @Test func masksHaveTheShapeOfTheirPictures() throws {
    let (file, mask) = (try File(Picture(width: 64, height: 64)), try File(Picture(width: 64, height: 32)))
    #expect(throws: SourceError.self) { try SourcePicture(file.url, mask: mask.url, size: nil, step: 16) }
    let missing = URL(fileURLWithPath: "/nowhere.png")
    #expect(throws: FileError.self) { try SourcePicture(missing, mask: nil, size: nil, step: 16) }
  }

  /// What waits to be drawn from is its files' hashes and a size; the pixels are read when their time comes.
  @Test func pixelsAreReadAgainUnlessKept() throws {
    let file = try File(SourceTests.gradient(64, 64))
    let waiting = try SourcePicture(file.url, mask: nil, size: nil, step: 16)
    let keeping = try SourcePicture(file.url, mask: nil, size: nil, step: 16, keepsPixels: true)
    #expect(waiting == keeping)
    #expect(try waiting.pixels().picture == SourceTests.gradient(64, 64))
    try Picture(width: 64, height: 64).write(to: file.url)
    #expect(throws: SourceError.self) { try waiting.pixels() }
    #expect(try keeping.pixels().picture == SourceTests.gradient(64, 64))
    #expect(try SourcePicture(file.url, mask: nil, size: nil, step: 16) != waiting)
  }

  @Test func metadataNamesThePicture() throws {
    let model = try MicroModel.model()
    let file = try File(SourceTests.gradient(64, 64))
    var request = try MicroModel.request()
    request.source = try SourcePicture(file.url, mask: nil, size: request.size, step: model.folder.sizeStep)
    request.strength = 0.35
    let drawn = try model.draw([request])[0].picture
    let text = try PictureMetadata(model.folder, backend: model.backend, version: "test").parameters(of: request)
    let result = try File(drawn)
    try drawn.write(to: result.url, texts: [text.pngText])
    let recipe = try Recipe(contentsOf: result.url)
    #expect(recipe.imageName == file.url.lastPathComponent)
    #expect(recipe.imageHash == request.source?.hash)
    #expect(recipe.imageHash?.count == 64)
    var again = try #require(recipe.request)
    #expect(again.strength == 0.35)
    again.source = request.source
    #expect(try model.draw([again])[0].picture == drawn)
  }

  /// A PNG of 64×64 gray pixels with their opacity, without compression.
  private static func layer(_ pixel: (_ x: Int, _ y: Int) -> (gray: UInt8, alpha: UInt8)) -> [UInt8] {
    func big(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
      let body = Array(name.utf8) + data
      let checksum = ~body.reduce(UInt32.max) { crc, byte in
        (0..<8).reduce(crc ^ UInt32(byte)) { c, _ in c & 1 == 1 ? c >> 1 ^ 0xEDB8_8320 : c >> 1 }
      }
      return big(data.count) + body + big(Int(checksum))
    }
    var rows: [UInt8] = []
    for y in 0..<64 {
      rows.append(0)  // no filter
      for x in 0..<64 { rows += [pixel(x, y).gray, pixel(x, y).alpha] }
    }
    var (a, b) = (1, 0)  // Adler-32
    for byte in rows {
      a = (a + Int(byte)) % 65521
      b = (b + a) % 65521
    }
    let length = [UInt8(rows.count & 0xFF), UInt8(rows.count >> 8)]
    let header: [UInt8] = [0x78, 0x01, 0x01] + length + length.map { ~$0 }
    let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    return signature + chunk("IHDR", big(64) + big(64) + [8, 4, 0, 0, 0])
      + chunk("IDAT", header + rows + big(b << 16 | a)) + chunk("IEND", [])
  }

  /// White painted on a transparent layer is drawn anew, and what is transparent stays, whatever colour it hides.
  @Test func transparentPartsOfMasksStay() throws {
    let file = try File(SourceTests.gradient(64, 64)), mask = try File(Picture(width: 1, height: 1))
    let painted = SourceTests.layer { x, y in (255, x < 16 ? 255 : x < 32 ? 102 : 0) }
    try Data(painted).write(to: mask.url)
    let source = try SourcePicture(file.url, mask: mask.url, size: nil, step: 16)
    let values = try #require(source.pixels().mask?.values)
    #expect(values[0] == 255 && values[20] == 102 && values[40] == 0 && source.notes.isEmpty)
  }

  @Test func whatMayNotBeMeantIsNoted() throws {
    let file = try File(SourceTests.gradient(64, 64)), mask = try File(Picture(width: 64, height: 64))
    func notes() throws -> [String] { try SourcePicture(file.url, mask: mask.url, size: nil, step: 16).notes }
    let white = try notes()
    #expect(white.count == 1 && white[0].contains("all white"))
    try Data(SourceTests.layer { _, _ in (255, 0) }).write(to: mask.url)
    let clear = try notes()
    #expect(clear.count == 1 && clear[0].contains("nothing is drawn anew"))
    try Data(SourceTests.layer { x, _ in (0, x < 9 ? 0 : 255) }).write(to: file.url)
    let source = try SourcePicture(file.url, mask: nil, size: nil, step: 16)
    #expect(source.notes.count == 1 && source.notes[0].contains("taken as white"))
    let picture = try source.pixels().picture
    #expect(picture[0, 0] == .white && picture[20, 0] == .black)
    try Data(SourceTests.layer { _, _ in (7, 255) }).write(to: file.url)
    #expect(try SourcePicture(file.url, mask: nil, size: nil, step: 16).notes.isEmpty, "opaque, though it has alpha")
  }
}
