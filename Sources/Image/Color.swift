/// An opaque sRGB colour, 8 bits a channel.
package struct Color: Equatable, Hashable, Sendable {
  package var red, green, blue: UInt8

  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    (self.red, self.green, self.blue) = (red, green, blue)
  }

  /// `Color(0x336699)`: the notation of the web, without the `#`.
  package init(_ hexadecimal: UInt32) {
    self.init(UInt8(hexadecimal >> 16 & 0xFF), UInt8(hexadecimal >> 8 & 0xFF), UInt8(hexadecimal & 0xFF))
  }

  package static let white = Color(0xFFFFFF)
  package static let black = Color(0x000000)
  /// Text on white.
  package static let ink = Color(0x2B2F36)
  /// Second voice: captions, ticks.
  package static let faint = Color(0x757B85)
  /// Grid lines and frames.
  package static let hairline = Color(0xDFE2E7)

  /// This colour with `share` (0...1) of `other` over it.
  package func mixed(with other: Color, _ share: Float) -> Color {
    let t = share > 0 ? min(share, 1) : 0
    func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8(Float(a) + (Float(b) - Float(a)) * t + 0.5) }
    return Color(mix(red, other.red), mix(green, other.green), mix(blue, other.blue))
  }
}
