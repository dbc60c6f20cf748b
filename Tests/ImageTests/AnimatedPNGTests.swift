import DiTCharts
import DiTImage
import Testing

@Suite struct AnimatedPNGTests {
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
}
