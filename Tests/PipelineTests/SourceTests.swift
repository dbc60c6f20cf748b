import DiTCharts
import DiTFiles
import DiTImage
import DiTModels
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
    #expect(recipe.imageHash == request.source?.hash)
    #expect(recipe.imageHash?.count == 64)
    var again = try #require(recipe.request)
    #expect(again.strength == 0.35)
    again.source = request.source
    #expect(try model.draw([again])[0].picture == drawn)
  }
}
