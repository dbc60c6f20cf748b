import DiTCWebP

/// Reading and writing WebP files through libwebp.
enum WebP {
  /// Decodes a file, of an animation its first frame, to 8-bit RGB, upright.
  static func decode(_ bytes: [UInt8], limits: PictureLimits, source: String) throws(ImageError) -> PictureContents {
    var accepted = cwebp_limits(max_side: UInt32(clamping: limits.side), max_pixels: UInt64(clamping: limits.pixels))
    var image = cwebp_image()
    var message = [CChar](repeating: 0, count: Int(CWEBP_MESSAGE_SIZE))
    guard cwebp_decode(bytes, bytes.count, &accepted, &image, &message) == 0, let rgba = image.rgba else {
      throw failure(message) { .unreadable(source: source, reason: $0) }
    }
    defer { cwebp_image_free(&image) }
    let contents = PictureContents(
      .webp, rgba: rgba, width: Int(image.width), height: Int(image.height), hasAlpha: image.has_alpha != 0)
    return contents.described(
      by: Array(UnsafeBufferPointer(start: image.exif, count: image.exif_count)), limits: limits)
  }

  /// The same arguments give the same bytes, with one version of libwebp.
  /// - Parameter quality: 1 to 99, or 100 for every pixel as it is.
  static func encode(_ picture: Picture, quality: Int, texts: [PNGText]) throws(ImageError) -> [UInt8] {
    let exif = try Exif.encoded(texts)
    return try bytes { buffer, message in
      cwebp_encode(
        picture.pixels, UInt32(clamping: picture.width), UInt32(clamping: picture.height), Int32(clamping: quality), exif,
        exif?.count ?? 0, &buffer, &message)
    }
  }

  /// An animation; its poster is not written, because every viewer of WebP plays.
  static func encode(_ animation: Animation, quality: Int, texts: [PNGText]) throws(ImageError) -> [UInt8] {
    let size = try animation.size()
    let exif = try Exif.encoded(texts)
    let pixels = animation.frames.flatMap(\.picture.pixels)
    let delays = animation.frames.map { Int32(clamping: $0.thousandths) }
    return try bytes { buffer, message in
      cwebp_animate(
        pixels, UInt32(clamping: size.width), UInt32(clamping: size.height), delays, delays.count,
        Int32(clamping: min(animation.loops, 65535)), Int32(clamping: quality), exif, exif?.count ?? 0, &buffer, &message)
    }
  }

  private static func bytes(_ encode: (inout cwebp_buffer, inout [CChar]) -> Int32) throws(ImageError) -> [UInt8] {
    var buffer = cwebp_buffer()
    var message = [CChar](repeating: 0, count: Int(CWEBP_MESSAGE_SIZE))
    guard encode(&buffer, &message) == 0 else { throw failure(message) { .unwritable(reason: $0) } }
    defer { cwebp_buffer_free(&buffer) }
    return Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
  }
}
