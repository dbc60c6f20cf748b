extension Picture {
  /// What the numbers of a decoder mean.
  package enum PlaneRange: Sendable {
    /// 0 is black and 1 is white.
    case unit
    /// −1 is black and 1 is white.
    case signed
  }

  /// Pixels from three planes of floats, as a decoder leaves them.
  ///
  /// A byte is ⌊clamp(v, 0, 1)·255 + 0.5⌋ in float32, the product rounded before the sum; NaN is black. `signed`
  /// values first become v/2 + 0.5.
  /// - Parameter planes: `[3, height, width]`: red, green, blue.
  /// - Throws: ``ImageError/size(width:height:)``, ``ImageError/misfit(reason:)``.
  package init(planes: UnsafeBufferPointer<Float>, width: Int, height: Int, range: PlaneRange = .unit)
    throws(ImageError)
  {
    let count = try Self.byteCount(width: width, height: height)
    guard planes.count == count else {
      throw .misfit(reason: "\(planes.count) numbers for planes of 3×\(height)×\(width), expected \(count)")
    }
    let area = count / 3
    let (scale, shift): (Float, Float) = range == .unit ? (1, 0) : (0.5, 0.5)
    self.init(
      width, height,
      [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
        for channel in 0..<3 {
          for i in 0..<area { bytes[i * 3 + channel] = byte(planes[channel * area + i] * scale + shift) }
        }
        filled = count
      })
  }

  /// The same from an array.
  package init(planes: [Float], width: Int, height: Int, range: PlaneRange = .unit) throws(ImageError) {
    self = try planes.withUnsafeBufferPointer { planes throws(ImageError) in
      try Picture(planes: planes, width: width, height: height, range: range)
    }
  }

  /// The planes of this picture: `[3, height, width]`, 0...1, or −1...1 where `range` is `signed`.
  package func planes(range: PlaneRange = .unit) -> [Float] {
    let area = width * height
    let (scale, shift): (Float, Float) = range == .unit ? (1, 0) : (2, -1)
    return [Float](unsafeUninitializedCapacity: area * 3) { floats, filled in
      pixels.withUnsafeBufferPointer { bytes in
        for channel in 0..<3 {
          for i in 0..<area { floats[channel * area + i] = Float(bytes[i * 3 + channel]) / 255 * scale + shift }
        }
      }
      filled = area * 3
    }
  }
}

/// ⌊clamp(v, 0, 1)·255 + 0.5⌋; NaN is 0, because no comparison with it holds. Swift never fuses the two operations.
@inline(__always)
func byte(_ value: Float) -> UInt8 {
  let clamped = value > 0 ? (value < 1 ? value : 1) : 0
  return UInt8(clamped * 255 + 0.5)
}
