import DiTCharts
import DiTImage
import Foundation
import Testing

@Suite struct AnimationTests {
  /// The frames of a file, put together again from its chunks.
  func frames(_ bytes: [UInt8]) throws -> (control: [UInt32], delays: [Double], pictures: [Picture]) {
    let chunks = try Chunk.all(in: bytes)
    let header = try #require(chunks.first { $0.name == "IHDR" })
    let control = try #require(chunks.first { $0.name == "acTL" }).data
    var sequence: UInt32 = 0
    var delays: [Double] = []
    var data: [[UInt8]] = []
    for chunk in chunks where chunk.name == "fcTL" || chunk.name == "fdAT" || chunk.name == "IDAT" {
      if chunk.name != "IDAT" {
        #expect(Chunk.number(chunk.data, 0) == sequence)
        sequence += 1
      }
      if chunk.name == "fcTL" {
        #expect(chunk.data.count == 26 && Array(chunk.data[4..<12]) == Array(header.data[0..<8]))
        delays.append(
          Double(UInt32(chunk.data[20]) << 8 | UInt32(chunk.data[21]))
            / Double(UInt32(chunk.data[22]) << 8 | UInt32(chunk.data[23])))
        data.append([])
      } else if !data.isEmpty {
        data[data.count - 1] += chunk.name == "IDAT" ? chunk.data : Array(chunk.data.dropFirst(4))
      }
    }
    let pictures = try data.map { data in
      try PNG.decode(
        signature + [header, Chunk(name: "IDAT", data: data), Chunk(name: "IEND", data: [])].flatMap(\.encoded)
      ).picture
    }
    return ([Chunk.number(control, 0), Chunk.number(control, 4)], delays, pictures)
  }

  @Test func framesComeBack() throws {
    let pictures = (1...4).map { Picture.random(30, 20, seed: UInt64($0)) }
    let bytes = try Animation(frames: pictures.map { .init($0, delay: 0.25) }, loops: 3).encoded(texts: [
      PNGText("k", "v")
    ])
    let found = try frames(bytes)
    #expect(found.control == [4, 3])
    #expect(found.delays == [0.25, 0.25, 0.25, 0.25])
    #expect(found.pictures == pictures)
    let names = try Chunk.all(in: bytes).map(\.name)
    #expect(Array(names.prefix(3)) == ["IHDR", "acTL", "tEXt"] && names.last == "IEND")
    // Viewers that cannot play show the first frame, and texts are read.
    let still = try PNG.decode(bytes)
    #expect(still.picture == pictures[0] && still["k"] == "v")
  }

  @Test func theWayToAPictureShowsThePicture() throws {
    let pictures = (1...3).map { Picture.random(8, 8, seed: UInt64($0)) }
    let bytes = try Animation(pictures, delay: 0.1, lastDelay: 1.5).encoded()
    let found = try frames(bytes)
    #expect(found.control == [3, 0])
    #expect(found.pictures == pictures)
    #expect(found.delays == [0.1, 0.1, 1.5])
    #expect(try PNG.decode(bytes).picture == pictures[2])
    #expect(try frames(Animation([pictures[0]]).encoded()).pictures == [pictures[0]])
  }

  @Test func impossibleAnimationsAreErrors() throws {
    #expect(throws: ImageError.self) { try Animation([]).encoded() }
    #expect(throws: ImageError.self) { try Animation([.random(2, 2), .random(2, 3)]).encoded() }
    let delays = try frames(Animation(frames: [-1, .nan, 1e9].map { .init(.random(2, 2), delay: $0) }).encoded())
      .delays
    #expect(delays == [0, 0, 65.535])
  }

  @Test func webPKeepsFramesAndTexts() throws {
    let pictures = (0..<3).map { Picture.random(9, 7, seed: UInt64($0)) }
    let folder = try Folder()
    let text = PNGText("parameters", "a fox\nSteps: 2, Seed: 1, Size: 8x8")
    try Animation(pictures, delay: 0.1, lastDelay: 1.5).write(to: folder("a.webp"), texts: [text], quality: 100)
    let bytes = [UInt8](try Data(contentsOf: folder("a.webp")))
    let chunks = riffChunks(bytes)
    let delays = chunks.filter { $0.name == "ANMF" }.map { little($0.data[12..<15]) }
    #expect(delays == [100, 100, 1500])
    #expect(chunks.map(\.name) == ["VP8X", "ANIM", "ANMF", "ANMF", "ANMF", "EXIF"])
    let contents = try PictureContents(bytes)
    #expect(contents.picture == pictures[0] && contents.texts == [text])
    try Animation(pictures).write(to: folder("a.png"), quality: 100)
    #expect(try PictureContents(contentsOf: folder("a.png")).format == .png)
  }

  private func little(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reversed().reduce(0) { $0 << 8 | Int($1) } }

  /// The chunks of a WebP file.
  private func riffChunks(_ bytes: [UInt8]) -> [Chunk] {
    var (chunks, i): ([Chunk], Int) = ([], 12)
    while i + 8 <= bytes.count {
      let count = little(bytes[(i + 4)..<(i + 8)])
      let name = String(decoding: bytes[i..<(i + 4)], as: UTF8.self)
      chunks.append(Chunk(name: name, data: Array(bytes[(i + 8)..<(i + 8 + count)])))
      i += 8 + count + count % 2
    }
    return chunks
  }
}
