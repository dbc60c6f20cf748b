import DiTFiles
import Foundation

/// Pictures one after the other, as APNG, which browsers play and every other viewer shows as a PNG picture, or as WebP.
package struct Animation: Sendable {
  package struct Frame: Sendable {
    package var picture: Picture
    /// How long it is seen, in seconds: thousandths up to 65.535.
    package var delay: Double

    package init(_ picture: Picture, delay: Double) {
      (self.picture, self.delay) = (picture, delay)
    }

    var thousandths: UInt16 { delay > 0 ? UInt16(min(65535, (delay * 1000).rounded())) : 0 }
  }

  /// All of one size, one at least.
  package var frames: [Frame]
  /// How often the animation plays; 0 is for ever.
  package var loops: Int
  /// What a viewer shows that cannot play; nil is the first frame.
  package var poster: Picture?

  package init(frames: [Frame], loops: Int = 0, poster: Picture? = nil) {
    (self.frames, self.loops, self.poster) = (frames, loops, poster)
  }

  /// Pictures on the way to the last, which is held longer, and which is what viewers show that cannot play.
  package init(_ pictures: [Picture], delay: Double = 0.12, lastDelay: Double = 2, loops: Int = 0) {
    let frames = pictures.indices.map { Frame(pictures[$0], delay: $0 == pictures.count - 1 ? lastDelay : delay) }
    self.init(frames: frames, loops: loops, poster: pictures.count > 1 ? pictures.last : nil)
  }

  /// The size of all frames and of the poster.
  func size() throws(ImageError) -> (width: Int, height: Int) {
    guard let first = frames.first?.picture else { throw .unwritable(reason: "an animation needs a frame") }
    for picture in frames.map(\.picture) + [poster ?? first]
    where (picture.width, picture.height) != (first.width, first.height) {
      throw .unwritable(reason: "frames of \(first.width)×\(first.height) and of \(picture.width)×\(picture.height)")
    }
    return (first.width, first.height)
  }

  /// The bytes of an APNG file.
  package func encoded(texts: [PNGText] = []) throws(ImageError) -> [UInt8] {
    _ = try size()
    // The file of the default image gives the header and the texts; without a poster its data is the first frame.
    let base = PNGChunk.split(try PNG.encode(poster ?? frames[0].picture, texts: texts))
    let head = base.prefix { $0.name != "IDAT" }
    let data = base.filter { $0.name == "IDAT" }
    var chunks = head.prefix(1) + [control] + head.dropFirst()
    var sequence: UInt32 = 0
    func next() -> [UInt8] {
      defer { sequence += 1 }
      return PNGChunk.bytes(sequence)
    }
    if poster != nil { chunks += data }
    for (i, frame) in frames.enumerated() {
      chunks.append(PNGChunk(name: "fcTL", data: next() + Self.control(of: frame)))
      if i == 0 && poster == nil {
        chunks += data
      } else {
        for chunk in PNGChunk.split(try PNG.encode(frame.picture)) where chunk.name == "IDAT" {
          chunks.append(PNGChunk(name: "fdAT", data: next() + chunk.data))
        }
      }
    }
    chunks.append(PNGChunk(name: "IEND", data: []))
    return PNGChunk.signature + chunks.flatMap(\.encoded)
  }

  /// Writes the file, as `Picture.write`: an animated WebP where it is called so, else an APNG.
  package func write(
    to url: URL, texts: [PNGText] = [], quality: Int = PictureFormat.defaultQuality, replacing: Bool = true
  ) throws {
    let isWebP = PictureFormat(ending: url.pathExtension) == .webp
    let bytes = try isWebP ? WebP.encode(self, quality: quality, texts: texts) : encoded(texts: texts)
    try AtomicFile.write(bytes, to: url, replacing: replacing)
  }

  private var control: PNGChunk {
    PNGChunk(
      name: "acTL", data: PNGChunk.bytes(UInt32(clamping: frames.count)) + PNGChunk.bytes(UInt32(clamping: loops)))
  }

  /// Whole frames at (0, 0), each in place of the last.
  private static func control(of frame: Frame) -> [UInt8] {
    let size = [UInt32(clamping: frame.picture.width), UInt32(clamping: frame.picture.height), 0, 0]
    return size.flatMap { PNGChunk.bytes($0) } + PNGChunk.bytes(frame.thousandths) + PNGChunk.bytes(UInt16(1000)) + [0, 0]
  }
}
