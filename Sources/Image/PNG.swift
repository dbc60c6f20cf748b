import DiTCPNG
import DiTFiles
import Foundation

/// Reading and writing PNG files through libpng.
public enum PNG {
  /// What a file holds.
  package struct Contents: Equatable, Sendable {
    /// The pixels; where the file is transparent, over white.
    package var picture: Picture
    /// The opacity, if the file says anything about it.
    package var alpha: Mask?
    /// The texts (tEXt, zTXt and iTXt chunks) in the order of the file.
    package var texts: [PNGText]

    /// The first text with this keyword.
    package subscript(keyword: String) -> String? { texts.first { $0.keyword == keyword }?.text }
  }

  /// What a reader accepts; checked before memory is taken.
  public struct Limits: Equatable, Sendable {
    /// Pixels along the longer side.
    public var side: Int
    /// Pixels of the whole picture.
    public var pixels: Int
    /// The bytes of one text, unpacked, and how many texts are kept.
    public var textBytes: Int
    /// Texts that are kept.
    public var textCount: Int

    /// What a careful program accepts.
    public init(side: Int = 16384, pixels: Int = 64 << 20, textBytes: Int = 4 << 20, textCount: Int = 64) {
      (self.side, self.pixels, self.textBytes, self.textCount) = (side, pixels, textBytes, textCount)
    }
  }

  /// Decodes a PNG file of any bit depth, colour type and interlacing to 8-bit RGB.
  /// - Parameter source: a name for the bytes in errors.
  package static func decode(_ bytes: [UInt8], limits: Limits = Limits(), source: String = "the data")
    throws(ImageError) -> Contents
  {
    // The two counts of libpng mean "no limit" where they are 0, and stop at one and two below what they say.
    var accepted = cpng_limits(
      max_side: UInt32(clamping: limits.side), max_pixels: UInt64(clamping: limits.pixels),
      max_text_bytes: max(1, limits.textBytes), max_text_count: UInt32(clamping: max(0, limits.textCount)) + 2)
    var image = cpng_image()
    var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE_SIZE))
    guard cpng_decode(bytes, bytes.count, &accepted, &image, &message) == 0, let rgba = image.rgba else {
      throw .unreadable(source: source, reason: string(message))
    }
    defer { cpng_image_free(&image) }
    return contents(of: image, rgba: rgba)
  }

  /// Reads and decodes a file.
  /// - Throws: `FileError` or ``ImageError``.
  package static func read(_ url: URL, limits: Limits = Limits()) throws -> Contents {
    try decode(readFile(url), limits: limits, source: url.path)
  }

  /// Encodes a picture. The same picture and texts give the same bytes, with one version of libpng and zlib.
  ///
  /// A text is written as Latin-1 (tEXt) where that can hold it, otherwise as UTF-8 (iTXt), and always comes back
  /// exactly; only NUL, which PNG forbids, becomes U+FFFD.
  package static func encode(_ picture: Picture, texts: [PNGText] = []) throws(ImageError) -> [UInt8] {
    guard let width = UInt32(exactly: picture.width), let height = UInt32(exactly: picture.height) else {
      throw .unwritable(reason: "\(picture.width)×\(picture.height) pixels are too many")
    }
    var storage: [(keyword: [CChar], text: [CChar], isUTF8: Bool)] = []
    for text in texts {
      guard let keyword = text.keywordBytes else {
        throw .unwritable(reason: "\"\(text.keyword)\" is no keyword for a text (1 to 79 printable Latin-1 characters)")
      }
      let whole = PNGText(text.keyword, text.text.replacing("\0", with: "\u{FFFD}"))
      let latin1 = whole.latin1
      storage.append((terminated(keyword), terminated(latin1 ?? Array(whole.text.utf8)), latin1 == nil))
    }
    var buffer = cpng_buffer()
    var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE_SIZE))
    let status = withChunks(storage) { chunks in
      cpng_encode(picture.pixels, width, height, chunks, storage.count, &buffer, &message)
    }
    guard status == 0 else { throw .unwritable(reason: string(message)) }
    defer { cpng_buffer_free(&buffer) }
    return [UInt8](UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
  }

  // MARK: - To and from C

  private static func contents(of image: cpng_image, rgba: UnsafeMutablePointer<UInt8>) -> Contents {
    let (width, height) = (Int(image.width), Int(image.height))
    let area = width * height
    let pixels = [UInt8](unsafeUninitializedCapacity: area * 3) { bytes, filled in
      for i in 0..<area {
        let opacity = UInt32(rgba[i * 4 + 3])
        for channel in 0..<3 {
          let value = UInt32(rgba[i * 4 + channel])
          bytes[i * 3 + channel] = UInt8((value * opacity + 255 * (255 - opacity) + 127) / 255)
        }
      }
      filled = area * 3
    }
    let alpha =
      image.has_alpha == 0
      ? nil
      : Mask(width, height, (0..<area).map { rgba[$0 * 4 + 3] })
    let texts = UnsafeBufferPointer(start: image.texts, count: image.text_count).map { text in
      let bytes = UnsafeRawBufferPointer(start: text.text, count: text.length)
      return PNGText(
        latin1(UnsafeRawBufferPointer(start: text.keyword, count: strlen(text.keyword))),
        text.is_utf8 != 0 ? String(decoding: bytes, as: UTF8.self) : latin1(bytes))
    }
    return Contents(picture: Picture(width, height, pixels), alpha: alpha, texts: texts)
  }

  private static func latin1(_ bytes: UnsafeRawBufferPointer) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(Unicode.Scalar(byte)) }
    return String(text)
  }

  // C's char has a sign on x86 and none on arm64.
  private static func terminated(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(truncatingIfNeeded: $0) } + [0] }

  private static func string(_ message: [CChar]) -> String {
    String(decoding: message.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }

  /// Calls `body` with pointers into `storage`.
  private static func withChunks(
    _ storage: [(keyword: [CChar], text: [CChar], isUTF8: Bool)], _ body: (UnsafePointer<cpng_text>) -> Int32
  ) -> Int32 {
    // One block for all the characters, so that one pointer stays good for every chunk.
    let characters = storage.flatMap { $0.keyword + $0.text }
    return characters.withUnsafeBufferPointer { block in
      var chunks: [cpng_text] = []
      var next = block.baseAddress
      for (keyword, text, isUTF8) in storage {
        chunks.append(
          cpng_text(
            keyword: next, text: next.map { $0 + keyword.count }, length: text.count - 1,
            is_utf8: isUTF8 ? 1 : 0))
        next = next.map { $0 + keyword.count + text.count }
      }
      return body(chunks)
    }
  }
}
