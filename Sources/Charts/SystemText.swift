import DiTCPango
import DiTImage

/// A line of text in the fonts of the system, of any script.
struct SystemText {
  private let text: [UInt8]
  private let font: Font
  private let extents: cpango_extents

  /// Nil where there is no Pango, or no font at all.
  init?(_ text: String, font: Font) {
    let bytes = Array(text.utf8)
    var extents = cpango_extents()
    let measured = bytes.withUnsafeBytes {
      cpango_measure($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, font.size, font.isBold, &extents)
    }
    guard measured else { return nil }
    (self.text, self.font, self.extents) = (bytes, font, extents)
  }

  /// Whether the fonts have every character of a text.
  static func hasFonts(for text: String) -> Bool {
    cpango_available() && SystemText(text, font: Font())?.extents.unknown == 0
  }

  /// From its beginning to that of the next text, in pixels.
  var advance: Int { max(0, Int(extents.advance)) }

  /// A pixel that is painted: relative to the left end of the baseline, `share` of it (0...1) in `color`.
  struct Pixel {
    let x: Int, y: Int
    let color: Color
    let share: Float
  }

  /// Every painted pixel. Beyond 16,384 pixels of length and 2,048 of height, which nobody sees, a text is cut off.
  func pixels(color: Color) -> [Pixel] {
    let width = min(Int(extents.width), 16_384), height = min(Int(extents.height), 2_048)
    guard width > 0, height > 0 else { return [] }
    var values = [UInt32](repeating: 0, count: width * height)
    let rgb = UInt32(color.red) << 16 | UInt32(color.green) << 8 | UInt32(color.blue)
    let drawn = text.withUnsafeBytes { text in
      values.withUnsafeMutableBufferPointer {
        cpango_draw(
          text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count, font.size, font.isBold, rgb, -extents.x,
          -extents.y, $0.baseAddress, Int32(width), Int32(height))
      }
    }
    guard drawn else { return [] }
    return values.enumerated().compactMap { index, value in
      let alpha = value >> 24
      guard alpha > 0 else { return nil }
      func channel(_ shift: UInt32) -> UInt8 { UInt8(min(255, ((value >> shift & 255) * 255 + alpha / 2) / alpha)) }
      return Pixel(
        x: Int(extents.x) + index % width, y: Int(extents.y) + index / width,
        color: Color(channel(16), channel(8), channel(0)), share: Float(alpha) / 255)
    }
  }
}
