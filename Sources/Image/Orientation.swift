/// How the stored rows lie in the picture that is seen: Exif's tag 0x0112.
package enum Orientation: UInt16, CaseIterable, Sendable {
  case upright = 1
  case mirrored, upsideDown, flipped
  /// Rows are columns: of these, `right` is turned clockwise to be seen upright and `left` the other way.
  case transposed, right, transversed, left

  var swapsSides: Bool { rawValue >= 5 }

  /// The pixels as they are seen.
  /// - Parameter bytes: `[height, width, channels]`.
  func turn(_ bytes: [UInt8], channels: Int, width: Int, height: Int) -> [UInt8] {
    let (columns, rows) = swapsSides ? (height, width) : (width, height)
    return [UInt8](unsafeUninitializedCapacity: bytes.count) { target, filled in
      for y in 0..<rows {
        for x in 0..<columns {
          let (fromX, fromY) =
            switch self {
            case .upright: (x, y)
            case .mirrored: (width - 1 - x, y)
            case .upsideDown: (width - 1 - x, height - 1 - y)
            case .flipped: (x, height - 1 - y)
            case .transposed: (y, x)
            case .right: (y, height - 1 - x)
            case .transversed: (width - 1 - y, height - 1 - x)
            case .left: (width - 1 - y, x)
            }
          let (from, to) = ((fromY * width + fromX) * channels, (y * columns + x) * channels)
          for channel in 0..<channels { target[to + channel] = bytes[from + channel] }
        }
      }
      filled = bytes.count
    }
  }
}

extension Picture {
  /// This picture, stored in that orientation, as it is seen.
  package func turned(_ orientation: Orientation) -> Picture {
    guard orientation != .upright else { return self }
    let turned = orientation.turn(pixels, channels: 3, width: width, height: height)
    return orientation.swapsSides ? Picture(height, width, turned) : Picture(width, height, turned)
  }
}

extension Mask {
  /// This mask, stored in that orientation, as it is seen.
  package func turned(_ orientation: Orientation) -> Mask {
    guard orientation != .upright else { return self }
    let turned = orientation.turn(values, channels: 1, width: width, height: height)
    return orientation.swapsSides ? Mask(height, width, turned) : Mask(width, height, turned)
  }
}
