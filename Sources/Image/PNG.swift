import DiTCPNG
import DiTFiles
import Foundation

/// Reading and writing PNG files through libpng.
public enum PNG {
  /// Decodes a PNG file of any bit depth, colour type and interlacing to 8-bit RGB.
  /// - Parameter source: a name for the bytes in errors.
  package static func decode(_ bytes: [UInt8], limits: PictureLimits = PictureLimits(), source: String = "the data")
    throws(ImageError) -> PictureContents
  {
    // The two counts of libpng mean "no limit" where they are 0, and stop at one and two below what they say.
    var accepted = cpng_limits(
      max_side: UInt32(clamping: limits.side), max_pixels: UInt64(clamping: limits.pixels),
      max_text_bytes: max(1, limits.textBytes), max_text_count: UInt32(clamping: max(0, limits.textCount)) + 2)
    var image = cpng_image()
    var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE_SIZE))
    let (chosen, count) = PNGTextChunks.chosen(in: bytes, limit: limits.textCount)
    guard cpng_decode(chosen, chosen.count, &accepted, &image, &message) == 0, let rgba = image.rgba else {
      throw failure(message) { .unreadable(source: source, reason: $0) }
    }
    defer { cpng_image_free(&image) }
    var contents = contents(of: image, rgba: rgba)
    contents.omittedTexts = max(0, count - contents.texts.count)
    return contents.described(
      by: Array(UnsafeBufferPointer(start: image.exif, count: image.exif_count)), limits: limits)
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
    guard status == 0 else { throw failure(message) { .unwritable(reason: $0) } }
    defer { cpng_buffer_free(&buffer) }
    return [UInt8](UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
  }

  // MARK: - To and from C

  private static func contents(of image: cpng_image, rgba: UnsafeMutablePointer<UInt8>) -> PictureContents {
    var contents = PictureContents(
      .png, rgba: rgba, width: Int(image.width), height: Int(image.height), hasAlpha: image.has_alpha != 0)
    contents.texts = UnsafeBufferPointer(start: image.texts, count: image.text_count).map { text in
      let bytes = UnsafeRawBufferPointer(start: text.text, count: text.length)
      return PNGText(
        latin1(UnsafeRawBufferPointer(start: text.keyword, count: strlen(text.keyword))),
        text.is_utf8 != 0 ? String(decoding: bytes, as: UTF8.self) : latin1(bytes))
    }
    return contents
  }

  private static func latin1(_ bytes: UnsafeRawBufferPointer) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(Unicode.Scalar(byte)) }
    return String(text)
  }

  // C's char has a sign on x86 and none on arm64.
  private static func terminated(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(truncatingIfNeeded: $0) } + [0] }

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
