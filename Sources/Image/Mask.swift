/// One channel of 8 bits: how much of something (255 is all of it).
package struct Mask: Equatable, Sendable {
  package let width: Int
  package let height: Int
  /// `height × width` bytes, rows top down.
  package let values: [UInt8]

  /// - Parameter values: `height × width` bytes, no more and no fewer.
  /// - Throws: ``ImageError/size(width:height:)``, ``ImageError/misfit(reason:)``.
  package init(width: Int, height: Int, values: [UInt8]) throws(ImageError) {
    let count = try Picture.byteCount(width: width, height: height, channels: 1)
    guard values.count == count else {
      throw .misfit(reason: "\(values.count) bytes for \(width)×\(height) pixels of a mask, expected \(count)")
    }
    self.init(width, height, values)
  }

  /// Of values that are known to fit.
  init(_ width: Int, _ height: Int, _ values: [UInt8]) {
    (self.width, self.height, self.values) = (width, height, values)
  }

  /// The brightness of a picture (Rec. 601 luma, as in "L" pictures of Pillow): white becomes 255.
  package init(brightnessOf picture: Picture) {
    let values = stride(from: 0, to: picture.pixels.count, by: 3).map { start -> UInt8 in
      let red = Int(picture.pixels[start])
      let green = Int(picture.pixels[start + 1])
      let blue = Int(picture.pixels[start + 2])
      return UInt8((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16)
    }
    self.init(picture.width, picture.height, values)
  }

  /// 255 where this is 0 and the other way about.
  package var inverted: Mask { Mask(width, height, values.map { 255 - $0 }) }
}
