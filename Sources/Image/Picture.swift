/// Pixels: 8-bit sRGB, interleaved, rows top down, no padding.
package struct Picture: Equatable, Sendable {
  package let width: Int
  package let height: Int
  /// `height × width × 3` bytes.
  package var pixels: [UInt8] {
    didSet { precondition(pixels.count == width * height * 3, "\(pixels.count) bytes for \(width)×\(height) pixels") }
  }

  /// - Parameter pixels: `height × width × 3` bytes, no more and no fewer.
  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      pixels.count == Self.byteCount(width: width, height: height),
      "\(pixels.count) bytes for \(width)×\(height) pixels")
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// A picture of one colour.
  package init(width: Int, height: Int, filledWith color: Color = .white) {
    let count = Self.byteCount(width: width, height: height)
    self.init(
      width: width, height: height,
      pixels: [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
        for start in stride(from: 0, to: count, by: 3) {
          bytes[start] = color.red
          bytes[start + 1] = color.green
          bytes[start + 2] = color.blue
        }
        filled = count
      })
  }

  /// The pixel in column `x`, row `y`.
  package subscript(x: Int, y: Int) -> Color {
    get {
      let start = offset(x, y)
      return Color(pixels[start], pixels[start + 1], pixels[start + 2])
    }
    set {
      let start = offset(x, y)
      pixels[start] = newValue.red
      pixels[start + 1] = newValue.green
      pixels[start + 2] = newValue.blue
    }
  }

  private func offset(_ x: Int, _ y: Int) -> Int {
    precondition(x >= 0 && x < width && y >= 0 && y < height, "(\(x), \(y)) is not in \(width)×\(height) pixels")
    return (y * width + x) * 3
  }

  /// `width × height × channels`, for sizes that make sense. Sizes from outside are checked where they come in; a
  /// size that overflows here is a programmer's error.
  static func byteCount(width: Int, height: Int, channels: Int = 3) -> Int {
    precondition(width > 0 && height > 0, "a picture of \(width)×\(height) pixels")
    let (area, tooWide) = width.multipliedReportingOverflow(by: height)
    let (count, tooLarge) = area.multipliedReportingOverflow(by: channels)
    precondition(!tooWide && !tooLarge, "a picture of \(width)×\(height) pixels")
    return count
  }
}
