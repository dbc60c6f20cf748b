/// Pixels: 8-bit sRGB, interleaved, rows top down, no padding.
public struct Picture: Equatable, Sendable {
  /// Pixels of a row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// `height × width × 3` bytes.
  public var pixels: [UInt8] {
    didSet { precondition(pixels.count == width * height * 3, "\(pixels.count) bytes for \(width)×\(height) pixels") }
  }

  /// - Parameter pixels: `height × width × 3` bytes, no more and no fewer.
  /// - Throws: ``ImageError/size(width:height:)``, ``ImageError/misfit(reason:)``.
  public init(width: Int, height: Int, pixels: [UInt8]) throws(ImageError) {
    let count = try Self.byteCount(width: width, height: height)
    guard pixels.count == count else {
      throw .misfit(reason: "\(pixels.count) bytes for \(width)×\(height) pixels, expected \(count)")
    }
    self.init(width, height, pixels)
  }

  /// Of pixels that are known to fit.
  init(_ width: Int, _ height: Int, _ pixels: [UInt8]) {
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// A picture of one colour. A size that no picture can have is a programmer's error, as it is for an array.
  package init(width: Int, height: Int, filledWith color: Color = .white) {
    guard let count = try? Self.byteCount(width: width, height: height) else {
      preconditionFailure("a picture of \(width)×\(height) pixels")
    }
    self.init(
      width, height,
      [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
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

  /// `width × height × channels`.
  /// - Throws: ``ImageError/size(width:height:)`` for sizes that make no sense.
  static func byteCount(width: Int, height: Int, channels: Int = 3) throws(ImageError) -> Int {
    let (area, tooWide) = width.multipliedReportingOverflow(by: height)
    let (count, tooLarge) = area.multipliedReportingOverflow(by: channels)
    guard width > 0, height > 0, !tooWide, !tooLarge else { throw .size(width: width, height: height) }
    return count
  }
}
