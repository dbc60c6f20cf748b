import DiTCharts
import DiTFiles
import DiTImage
import DiTTestSupport
import Foundation
import Testing

@Suite struct PNGTests {
  @Test func decodesWhatPillowWrote() throws {
    let contents = try PNG.decode([UInt8](Data(contentsOf: Fixtures.url("image/random.png"))))
    #expect((contents.picture.width, contents.picture.height) == (3, 5))
    #expect(contents.alpha == nil)
    #expect(contents.texts == [])
    let expected = try PictureTests.Tensors(Fixtures.url("image/to_8bit.safetensors")).bytes("random.u8_hwc")
    #expect(contents.picture.pixels == expected)
  }

  @Test(arguments: [(1, 1), (3, 5), (17, 1), (1, 33), (64, 48), (257, 129)])
  func roundTrips(width: Int, height: Int) throws {
    for picture in [Picture.random(width, height), .scene(width, height)] {
      let bytes = try picture.encoded()
      #expect(try PNG.decode(bytes).picture == picture)
      #expect(try picture.encoded() == bytes)
      #expect(try Chunk.all(in: bytes).map(\.name).filter { $0 != "IDAT" } == ["IHDR", "IEND"])
    }
  }

  @Test func textsComeBack() throws {
    let texts = [
      PNGText("parameters", "a fox\nSteps: 1"), PNGText("Title", "Größe ©"), PNGText("Comment", "狐 🦊 \u{301}\r\n"),
      PNGText("Empty", ""), PNGText("Author", String(repeating: "long ", count: 50_000)),
    ]
    let bytes = try Picture.random(2, 2).encoded(texts: texts)
    let contents = try PNG.decode(bytes)
    #expect(contents.texts == texts)
    #expect(contents["Comment"].map { Array($0.utf8) } == Array("狐 🦊 \u{301}\r\n".utf8))
    #expect(contents["missing"] == nil)
    let names = try Chunk.all(in: bytes).map(\.name)
    #expect(names.filter { $0 == "tEXt" }.count == 4 && names.filter { $0 == "iTXt" }.count == 1)
    #expect(
      try PNG.decode(Picture(width: 1, height: 1).encoded(texts: [PNGText("Null", "a\0b")]))["Null"] == "a\u{FFFD}b")
    for keyword in ["", " x", "a  b", "狐", "a\nb", String(repeating: "k", count: 80)] {
      #expect(throws: ImageError.self) { try Picture(width: 1, height: 1).encoded(texts: [PNGText(keyword, "")]) }
    }
  }

  @Test func parametersTravelInTheFile() throws {
    let parameters = GenerationParameters(
      prompt: "狐\n\nSteps: 1, aa: 2, bb: 3", fields: GenerationParametersTests.usual)
    let bytes = try Picture.random(2, 2).encoded(texts: [parameters.pngText])
    #expect(GenerationParameters(texts: try PNG.decode(bytes).texts) == parameters)
    #expect(GenerationParameters(texts: []) == nil)
  }

  // Files made by hand, bit by bit: stored deflate blocks need no compressor.
  static func file(
    width: Int, height: Int, depth: UInt8, color: UInt8, interlaced: Bool = false, extra: [Chunk] = [],
    rows: [UInt8]
  ) -> [UInt8] {
    let (a, b) = rows.reduce((UInt32(1), UInt32(0))) {
      (($0.0 + UInt32($1)) % 65521, ($0.1 + $0.0 + UInt32($1)) % 65521)
    }
    let count = UInt16(rows.count)
    let stored =
      [0x78, 0x01, 0x01, UInt8(count & 0xFF), UInt8(count >> 8), UInt8(~count & 0xFF), UInt8(~count >> 8)]
      + rows + bigEndian(b << 16 | a)
    let header = bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [depth, color, 0, 0, interlaced ? 1 : 0]
    return signature
      + ([Chunk(name: "IHDR", data: header)] + extra
      + [Chunk(name: "IDAT", data: stored), Chunk(name: "IEND", data: [])]).flatMap(\.encoded)
  }

  @Test func readsGrayOfEveryDepth() throws {
    func gray(_ depth: UInt8, _ rows: [UInt8]) throws -> [UInt8] {
      let picture = try PNG.decode(Self.file(width: 2, height: 1, depth: depth, color: 0, rows: [0] + rows)).picture
      return [picture.pixels[0], picture.pixels[5]]
    }
    #expect(try gray(1, [0b1000_0000]) == [255, 0])
    #expect(try gray(2, [0b0111_0000]) == [85, 255])
    #expect(try gray(4, [0x3F]) == [51, 255])
    #expect(try gray(8, [7, 200]) == [7, 200])
    #expect(try gray(16, [0x80, 0xFF, 0x00, 0x81]) == [0x80, 1])  // 0x80FF/257 = 128.49, 0x81/257 = 0.502
  }

  @Test func readsPalettesAndTransparency() throws {
    let palette = Chunk(name: "PLTE", data: [255, 0, 0, 0, 255, 0, 0, 0, 255])
    let opacity = Chunk(name: "tRNS", data: [255, 128, 0])
    let bytes = Self.file(width: 3, height: 1, depth: 2, color: 3, extra: [palette, opacity], rows: [0, 0b0001_1000])
    let contents = try PNG.decode(bytes)
    #expect(contents.picture.pixels == [255, 0, 0, 127, 255, 127, 255, 255, 255])
    #expect(contents.alpha?.values == [255, 128, 0])
  }

  @Test func readsAlpha() throws {
    let rgba = try PNG.decode(
      Self.file(width: 2, height: 1, depth: 8, color: 6, rows: [0, 10, 20, 30, 255, 9, 9, 9, 0]))
    #expect(rgba.picture.pixels == [10, 20, 30, 255, 255, 255])
    #expect(rgba.alpha?.values == [255, 0])
    let grayAlpha = try PNG.decode(Self.file(width: 1, height: 1, depth: 8, color: 4, rows: [0, 0, 51]))
    #expect(grayAlpha.picture.pixels == [204, 204, 204])
  }

  @Test func readsInterlaced() throws {
    // Adam7 of 3×3: passes hold (0,0); –; –; (2,0)…; in the order of the specification.
    let values: [[UInt8]] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    let passes: [(Int, Int, Int, Int)] = [
      (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    ]
    var rows: [UInt8] = []
    for (x0, y0, dx, dy) in passes {
      for y in stride(from: y0, to: 3, by: dy) {
        let row = stride(from: x0, to: 3, by: dx).map { values[y][$0] }
        if !row.isEmpty { rows += [0] + row }
      }
    }
    let picture = try PNG.decode(Self.file(width: 3, height: 3, depth: 8, color: 0, interlaced: true, rows: rows))
      .picture
    #expect(stride(from: 0, to: 27, by: 3).map { picture.pixels[$0] } == [1, 2, 3, 4, 5, 6, 7, 8, 9])
  }

  @Test func sizesAreCheckedBeforeMemoryIsTaken() throws {
    let huge = Self.file(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF, depth: 16, color: 6, rows: [0])
    let error = #expect(throws: ImageError.self) { try PNG.decode(huge, source: "huge.png") }
    #expect(
      error?.description.contains("huge.png") == true && error?.description.contains("2147483647x2147483647") == true)
    #expect(throws: ImageError.self) {
      try PNG.decode(Self.file(width: 16385, height: 1, depth: 8, color: 0, rows: [0]))
    }
    let picture = try Picture.random(10, 10).encoded()
    #expect(throws: ImageError.self) { try PNG.decode(picture, limits: PictureLimits(side: 9)) }
    #expect(throws: ImageError.self) { try PNG.decode(picture, limits: PictureLimits(pixels: 99)) }
    #expect(throws: Never.self) { try PNG.decode(picture, limits: PictureLimits(side: 10, pixels: 100)) }
    #expect(throws: ImageError.self) { try PNG.decode(Self.file(width: 0, height: 1, depth: 8, color: 0, rows: [0])) }
  }

  @Test func textsAreLimited() throws {
    let many = try Picture.random(2, 2).encoded(texts: (0..<100).map { PNGText("k\($0)", "v") })
    #expect(try PNG.decode(many).texts.count == 64)
    #expect(try PNG.decode(many, limits: PictureLimits(textCount: 3)).texts.count == 3)
    let long = try Picture.random(2, 2).encoded(texts: [PNGText("k", String(repeating: "x", count: 5000))])
    #expect(try PNG.decode(long, limits: PictureLimits(textBytes: 5000)).texts.count == 1)
    #expect(try PNG.decode(long, limits: PictureLimits(textBytes: 4999)).texts.count == 0)
  }

  @Test func readsCompressedTexts() throws {
    // zTXt: keyword, NUL, method 0, then a zlib stream (stored): "caf\u{E9}" in Latin-1.
    let packed: [UInt8] = [0x78, 0x01, 0x01, 4, 0, 0xFB, 0xFF, 0x63, 0x61, 0x66, 0xE9, 0x04, 0x68, 0x02, 0x14]
    let file = Self.file(
      width: 1, height: 1, depth: 8, color: 0,
      extra: [Chunk(name: "zTXt", data: [0x6B, 0, 0] + packed)], rows: [0, 0])
    #expect(try PNG.decode(file).texts == [PNGText("k", "caf\u{E9}")])
    #expect(try PNG.decode(file, limits: PictureLimits(textBytes: 3)).texts == [])
  }

  @Test func brokenFilesAreErrors() throws {
    let bytes = try Picture.scene(24, 18).encoded(texts: [PNGText("k", "text"), PNGText("u", "狐")])
    func reads(_ bytes: [UInt8]) -> Bool { (try? PNG.decode(bytes)) != nil }
    #expect(reads(bytes))
    #expect((0..<bytes.count).filter { reads(Array(bytes.prefix($0))) } == [])
    // Every byte is in the signature, a length, or under a checksum.
    var generator = SeededGenerator(9)
    #expect(
      (0..<bytes.count).filter { i in
        var broken = bytes
        broken[i] ^= UInt8.random(in: 1...255, using: &generator)
        return reads(broken)
      } == [])
    for _ in 0..<300 {  // Right checksums around wrong data: an error or a picture, never a crash.
      var chunks = try Chunk.all(in: bytes)
      let index = Int.random(in: 0..<chunks.count, using: &generator)
      var data = chunks[index].data
      if !data.isEmpty {
        data[Int.random(in: 0..<data.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      chunks[index] = Chunk(name: chunks[index].name, data: data)
      _ = try? PNG.decode(signature + chunks.flatMap(\.encoded), limits: PictureLimits(pixels: 1 << 20))
    }
  }

  @Test func writesReplacesAndRefuses() throws {
    let folder = try Folder()
    let (first, second) = (Picture.random(4, 4, seed: 1), Picture.random(4, 4, seed: 2))
    try first.write(to: folder("a.png"), replacing: false)
    #expect(try Picture(contentsOf: folder("a.png")) == first)
    #expect(throws: FileError.exists(path: folder("a.png").path)) {
      try second.write(to: folder("a.png"), replacing: false)
    }
    #expect(try Picture(contentsOf: folder("a.png")) == first)
    try second.write(to: folder("a.png"))
    #expect(try Picture(contentsOf: folder("a.png")) == second)
    #expect(folder.names == ["a.png"])
  }

  @Test func saysWhatIsWrong() throws {
    let folder = try Folder()
    let missing = #expect(throws: FileError.self) { try Picture(contentsOf: folder("none.png")) }
    #expect(missing?.description == "cannot read \(folder("none.png").path): No such file or directory")
    try Data("hello, world".utf8).write(to: folder("text.png"))
    let text = #expect(throws: ImageError.self) { try Picture(contentsOf: folder("text.png")) }
    let reason = "not a picture of a known format; PNG, JPEG and WebP are read"
    #expect(text?.description == "\(folder("text.png").path) cannot be read as a picture: \(reason)")
    let torn = #expect(throws: ImageError.self) { try PNG.decode(Picture.random(9, 9).encoded().dropLast(30)) }
    #expect(torn?.description == "the data cannot be read as a picture: the file ends too early")
  }
}
