import DiTCJPEG

/// Reading and writing JPEG files through libjpeg.
enum JPEG {
  /// Decodes a file of any colours, progressive or not, to 8-bit RGB, upright.
  static func decode(_ bytes: [UInt8], limits: PictureLimits, source: String) throws(ImageError) -> PictureContents {
    var accepted = cjpeg_limits(max_side: UInt32(clamping: limits.side), max_pixels: UInt64(clamping: limits.pixels))
    var image = cjpeg_image()
    var message = [CChar](repeating: 0, count: Int(CJPEG_MESSAGE_SIZE))
    guard cjpeg_decode(bytes, bytes.count, &accepted, &image, &message) == 0 else {
      throw failure(message) { .unreadable(source: source, reason: $0) }
    }
    defer { cjpeg_image_free(&image) }
    let (width, height) = (Int(image.width), Int(image.height))
    let pixels = Array(UnsafeBufferPointer(start: image.rgb, count: width * height * 3))
    return PictureContents(.jpeg, Picture(width, height, pixels))
      .described(by: Array(UnsafeBufferPointer(start: image.exif, count: image.exif_count)), limits: limits)
  }

  /// The same arguments give the same bytes, with one version of libjpeg.
  /// - Parameter quality: 1 to 100.
  static func encode(_ picture: Picture, quality: Int, texts: [PNGText]) throws(ImageError) -> [UInt8] {
    let exif = try Exif.encoded(texts)
    var buffer = cjpeg_buffer()
    var message = [CChar](repeating: 0, count: Int(CJPEG_MESSAGE_SIZE))
    let status = cjpeg_encode(
      picture.pixels, UInt32(clamping: picture.width), UInt32(clamping: picture.height), Int32(clamping: quality), exif,
      exif?.count ?? 0, &buffer, &message)
    guard status == 0 else { throw failure(message) { .unwritable(reason: $0) } }
    defer { cjpeg_buffer_free(&buffer) }
    return Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
  }
}

/// The error for what C left in a buffer for a message. The libraries tell in words alone that memory ran out.
func failure(_ message: [CChar], _ error: (String) -> ImageError) -> ImageError {
  let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  return text.lowercased().contains("memory") ? .outOfMemory : error(text)
}
