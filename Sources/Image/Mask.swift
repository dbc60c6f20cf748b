/// One channel of 8 bits: how much of something (255 is all of it).
package struct Mask: Equatable, Sendable {
  package let width: Int
  package let height: Int
  /// `height × width` bytes, rows top down.
  package let values: [UInt8]

  package init(width: Int, height: Int, values: [UInt8]) {
    precondition(
      values.count == Picture.byteCount(width: width, height: height, channels: 1),
      "\(values.count) bytes for \(width)×\(height) pixels")
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
    self.init(width: picture.width, height: picture.height, values: values)
  }

  /// 255 where this is 0 and the other way about.
  package var inverted: Mask { Mask(width: width, height: height, values: values.map { 255 - $0 }) }
}
