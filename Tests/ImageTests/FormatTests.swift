import DiTFiles
import DiTImage
import DiTTestSupport
import Foundation
import Testing

/// JPEG and WebP, there and back.
@Suite struct FormatTests {
  private static let parameters = PNGText("parameters", "a fox, 狐 🦊\nSteps: 2, Sampler: dpm++, Seed: 7")

  @Test(arguments: PictureFormat.allCases)
  func texts(_ format: PictureFormat) throws {
    let texts = [PNGText("Description", "ein Füchslein"), Self.parameters]
    let picture = Picture.scene(40, 24)
    let bytes = try picture.encoded(as: format, texts: texts)
    #expect(try bytes == picture.encoded(as: format, texts: texts), "the same bytes")
    let contents = try PictureContents(bytes)
    #expect(contents.format == format && contents.texts == texts && contents.omittedTexts == 0)
    #expect((contents.picture.width, contents.picture.height) == (40, 24))
    let plain = try PictureContents(picture.encoded(as: format))
    #expect(plain.texts.isEmpty && plain.picture == contents.picture)
  }

  @Test(arguments: [(1, 1), (3, 5), (17, 1), (1, 33), (130, 70)])
  func pixels(width: Int, height: Int) throws {
    let noise = Picture.random(width, height), scene = Picture.scene(width, height)
    #expect(try PictureContents(noise.encoded(as: .webp, quality: 100)).picture == noise, "lossless")
    for format in [PictureFormat.jpeg, .webp] {
      let errors = try [95, 20].map { quality in
        let decoded = try PictureContents(scene.encoded(as: format, quality: quality)).picture
        return zip(decoded.pixels, scene.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) } / scene.pixels.count
      }
      // WebP's colours have half the resolution, which is most of a tiny picture.
      #expect(errors[0] <= (width * height > 1000 ? 3 : 16) && errors[0] <= errors[1], "\(format): \(errors)")
    }
  }

  @Test func qualityIsBytes() throws {
    for format in [PictureFormat.jpeg, .webp] {
      let sizes = try [10, 50, 92].map { try Picture.scene(128, 128).encoded(as: format, quality: $0).count }
      #expect(sizes[0] < sizes[1] && sizes[1] < sizes[2], "\(format): \(sizes)")
    }
  }

  @Test func namesSayWhatIsWritten() throws {
    let folder = try Folder()
    for (name, format) in [
      ("a.jpg", PictureFormat.jpeg), ("a.JPEG", .jpeg), ("a.webp", .webp), ("a.png", .png), ("a", .png), ("a.v2", .png),
    ] {
      try Picture.scene(8, 8).write(to: folder(name))
      #expect(try PictureContents(contentsOf: folder(name)).format == format, "\(name)")
    }
    // What is read is known by its content.
    try FileManager.default.moveItem(at: folder("a.jpg"), to: folder("b.png"))
    #expect(try PictureContents(contentsOf: folder("b.png")).format == .jpeg)
  }

  @Test func whatHasNoRoomIsRefused() throws {
    let long = PNGText("parameters", String(repeating: "fox ", count: 20_000))
    let error = #expect(throws: ImageError.self) { try Picture.scene(8, 8).encoded(as: .jpeg, texts: [long]) }
    #expect(error?.description.contains("too long for JPEG") == true)
    #expect(try PictureContents(Picture.scene(8, 8).encoded(as: .webp, texts: [long])).texts.count == 1)
    #expect(throws: ImageError.self) { try Picture.scene(8, 8).encoded(as: .jpeg, texts: [PNGText("Mood", "x")]) }
    #expect(throws: ImageError.self) { try Picture(width: 16_384, height: 1).encoded(as: .webp) }
    #expect(throws: ImageError.self) { try Picture(width: 65_536, height: 1).encoded(as: .jpeg) }
  }

  /// Files that Pillow and piexif wrote.
  @Test func filesOfOthers() throws {
    func read(_ name: String) throws -> PictureContents { try PictureContents(contentsOf: Fixtures.url("image/" + name)) }
    let red = Color(200, 40, 30), blue = Color(30, 60, 200)
    func near(_ a: Color, _ b: Color) -> Bool {
      zip([a.red, a.green, a.blue], [b.red, b.green, b.blue]).allSatisfy { abs(Int($0) - Int($1)) < 6 }
    }
    for name in ["progressive.jpg", "cmyk.jpg", "animated.webp"] {
      let picture = try read(name).picture
      #expect((picture.width, picture.height) == (16, 8), "\(name)")
      #expect(near(picture[3, 4], red) && near(picture[12, 4], blue), "\(name)")
    }
    let gray = try read("gray.jpg").picture
    #expect(near(gray[3, 4], Color(87, 87, 87)) && near(gray[12, 4], Color(67, 67, 67)))
    for name in ["webui.jpg", "webui.webp"] {
      let contents = try read(name)
      #expect((contents.picture.width, contents.picture.height) == (8, 16), "\(name): on its side")
      #expect(near(contents.picture[4, 3], red) && near(contents.picture[4, 12], blue), "\(name)")
      let settings = try #require(PictureSettings(texts: contents.texts))
      #expect(settings.parameters.prompt == "a cat, 狐" && settings.parameters.negativePrompt == "dark")
      #expect(settings.parameters.seed == 12 && settings.program == "web UI v1.10.1")
    }
  }

  // MARK: - Hostile files

  @Test func sizesAreCheckedFirst() throws {
    for format in PictureFormat.allCases {
      let bytes = try Picture.scene(20, 10).encoded(as: format)
      for limits in [PictureLimits(side: 19), PictureLimits(pixels: 199)] {
        let error = #expect(throws: ImageError.self) { try PictureContents(bytes, limits: limits) }
        #expect(error?.description.contains("20x10 pixels are too many") == true)
      }
      let fits = PictureLimits(side: 20, pixels: 200)
      #expect(throws: Never.self) { try PictureContents(bytes, limits: fits) }
    }
    // A JPEG that says 65,500 pixels a side and holds eight.
    var huge = try Picture.scene(8, 8).encoded(as: .jpeg)
    let frame = try #require((0..<huge.count - 1).first { huge[$0] == 0xFF && huge[$0 + 1] == 0xC0 })
    huge.replaceSubrange((frame + 5)..<(frame + 9), with: [0xFF, 0xDC, 0xFF, 0xDC])
    let error = #expect(throws: ImageError.self) { try PictureContents(huge) }
    #expect(error?.description.contains("65500x65500 pixels are too many") == true)
  }

  @Test(arguments: PictureFormat.allCases)
  func tornFilesAreRefused(_ format: PictureFormat) throws {
    let bytes = try Picture.random(40, 40).encoded(as: format, texts: [Self.parameters])
    for count in stride(from: 0, to: bytes.count - 1, by: 37) {
      #expect(throws: ImageError.self, "\(count) of \(bytes.count)") { try PictureContents(Array(bytes.prefix(count))) }
    }
  }

  @Test(arguments: [PictureFormat.jpeg, .webp])
  func damagedFilesAreSurvived(_ format: PictureFormat) throws {
    let bytes = try Picture.random(24, 24).encoded(as: format, texts: [Self.parameters])
    var generator = SeededGenerator(3)
    for _ in 0..<2000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        damaged[.random(in: 0..<min(bytes.count, 700), using: &generator)] = .random(in: 0...255, using: &generator)
      }
      _ = try? PictureContents(damaged, limits: PictureLimits(pixels: 1 << 18))
    }
  }

  @Test func othersAreNamed() throws {
    for (begin, name) in [("GIF89a", "GIF"), ("II*\0aaaa", "TIFF"), ("\0\0\0 ftypheic", "HEIC"), ("", "empty"), ("hello", "known")] + [
      ("version https://git-lfs.github.com/spec/v1\nsize 9\n", "Git LFS pointer"), ("<!DOCTYPE html>", "HTML page"),
    ] {
      let error = #expect(throws: ImageError.self) { try PictureContents(Array(begin.utf8)) }
      #expect(error?.description.contains(name) == true)
    }
  }
}
