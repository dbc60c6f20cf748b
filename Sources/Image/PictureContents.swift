import DiTErrors
import DiTFiles
import Foundation

/// What a reader of picture files accepts; checked before memory is taken.
public struct PictureLimits: Equatable, Sendable {
  /// Pixels along the longer side.
  public var side: Int
  /// Pixels of the whole picture.
  public var pixels: Int
  /// The bytes of one text, unpacked.
  public var textBytes: Int
  /// Texts that are kept; those with a picture's settings first.
  public var textCount: Int

  /// What a careful program accepts.
  public init(side: Int = 16384, pixels: Int = 64 << 20, textBytes: Int = 4 << 20, textCount: Int = 64) {
    (self.side, self.pixels, self.textBytes, self.textCount) = (side, pixels, textBytes, textCount)
  }
}

/// What a picture file holds.
package struct PictureContents: Equatable, Sendable {
  package var format: PictureFormat
  /// The pixels as they are seen: over white where the file is transparent, turned as its Exif says.
  package var picture: Picture
  /// The opacity, if the file says anything about it.
  package var alpha: Mask?
  /// In the order of the file; those of its Exif last.
  package var texts: [PNGText]
  /// How many texts were left out, because they are too long or too many, or hold what nobody wrote.
  package var omittedTexts = 0

  /// The first text with this keyword.
  package subscript(keyword: String) -> String? { texts.first { $0.keyword == keyword }?.text }

  /// Of any format that can be read, whatever the file is called.
  /// - Parameter source: a name for the bytes in errors.
  package init(_ bytes: [UInt8], limits: PictureLimits = PictureLimits(), source: String = "the data")
    throws(ImageError)
  {
    self =
      switch try PictureFormat(of: bytes, source: source) {
      case .png: try PNG.decode(bytes, limits: limits, source: source)
      case .jpeg: try JPEG.decode(bytes, limits: limits, source: source)
      case .webp: try WebP.decode(bytes, limits: limits, source: source)
      }
    let count = texts.count
    texts.removeAll { CombiningMarks.areTooMany(in: $0.text.unicodeScalars) }
    omittedTexts += count - texts.count
  }

  /// Reads and decodes a file.
  /// - Throws: `FileError` or ``ImageError``.
  package init(contentsOf url: URL, limits: PictureLimits = PictureLimits()) throws {
    try self.init(readFile(url), limits: limits, source: url.path)
  }

  init(_ format: PictureFormat, _ picture: Picture, alpha: Mask? = nil, texts: [PNGText] = []) {
    (self.format, self.picture, self.alpha, self.texts) = (format, picture, alpha, texts)
  }

  /// Of `width × height × 4` bytes that a decoder left: colours that are not multiplied by their opacity.
  init(_ format: PictureFormat, rgba: UnsafeMutablePointer<UInt8>, width: Int, height: Int, hasAlpha: Bool) {
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
    let alpha = hasAlpha ? Mask(width, height, (0..<area).map { rgba[$0 * 4 + 3] }) : nil
    self.init(format, Picture(width, height, pixels), alpha: alpha)
  }

  /// With the texts of an Exif block, and turned as it says.
  func described(by exif: [UInt8], limits: PictureLimits) -> Self {
    let exif = Exif(exif, textBytes: limits.textBytes)
    var result = self
    result.picture = picture.turned(exif.orientation)
    result.alpha = alpha?.turned(exif.orientation)
    result.texts += exif.texts
    result.omittedTexts += exif.omittedTexts
    return result
  }

  /// Where something is see-through.
  package var isTransparent: Bool { alpha?.values.contains { $0 < 255 } ?? false }
}

extension Mask {
  /// The brightness of what a file shows over black: what is see-through there is no part of the mask.
  package init(_ contents: PictureContents) {
    let brightness = Mask(brightnessOf: contents.picture)  // over white, which is 255 - alpha too much
    guard let alpha = contents.alpha else {
      self = brightness
      return
    }
    let values = zip(brightness.values, alpha.values).map { UInt8(max(0, Int($0) + Int($1) - 255)) }
    self.init(brightness.width, brightness.height, values)
  }
}
