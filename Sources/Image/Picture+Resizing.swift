import Foundation

/// Part of a picture, in pixels that need not be whole.
struct Box: Equatable {
  var x, y, width, height: Double

  /// The largest middle part of `width × height` with this aspect.
  static func center(of width: Int, _ height: Int, aspect: Double) -> Box {
    let (width, height) = (Double(width), Double(height))
    let inner = (width: min(width, height * aspect), height: min(height, width / aspect))
    return Box(x: (width - inner.width) / 2, y: (height - inner.height) / 2, width: inner.width, height: inner.height)
  }
}

extension Picture {
  /// This picture in another size: Lanczos over three lobes, wide enough for every source pixel to count when it
  /// shrinks.
  /// - Throws: ``ImageError/size(width:height:)``.
  package func resized(width: Int, height: Int) throws(ImageError) -> Picture {
    if (width, height) == (self.width, self.height) { return self }
    return try resampled(
      Box(x: 0, y: 0, width: Double(self.width), height: Double(self.height)), width: width, height: height)
  }

  /// The largest middle part with the aspect `width : height`, in whole pixels.
  /// - Throws: ``ImageError/size(width:height:)``.
  package func centerCropped(toAspect width: Int, _ height: Int) throws(ImageError) -> Picture {
    guard width > 0, height > 0 else { throw .size(width: width, height: height) }
    let box = Box.center(of: self.width, self.height, aspect: Double(width) / Double(height))
    let columns = min(self.width, max(1, Int(box.width.rounded())))
    let rows = min(self.height, max(1, Int(box.height.rounded())))
    return try cropped(x: (self.width - columns) / 2, y: (self.height - rows) / 2, width: columns, height: rows)
  }

  /// This picture filling another size: scaled until it covers it, what hangs over at two sides cut off evenly.
  /// - Throws: ``ImageError/size(width:height:)``.
  package func fitted(width: Int, height: Int) throws(ImageError) -> Picture {
    if (width, height) == (self.width, self.height) { return self }
    let box = Box.center(of: self.width, self.height, aspect: Double(width) / Double(height))
    return try resampled(box, width: width, height: height)
  }

  /// A part of this picture.
  /// - Throws: ``ImageError/misfit(reason:)`` where it does not lie within.
  package func cropped(x: Int, y: Int, width: Int, height: Int) throws(ImageError) -> Picture {
    guard x >= 0, y >= 0, width > 0, height > 0, width <= self.width - x, height <= self.height - y else {
      throw .misfit(
        reason: "a part of \(width)×\(height) at (\(x), \(y)) is not within \(self.width)×\(self.height) pixels")
    }
    var part: [UInt8] = []
    part.reserveCapacity(width * height * 3)
    for row in y..<(y + height) {
      let start = (row * self.width + x) * 3
      part += pixels[start..<(start + width * 3)]
    }
    return Picture(width, height, part)
  }

  /// This picture where the mask is 0, `other` where it is 255, and mixtures between.
  /// - Throws: ``ImageError/misfit(reason:)`` where they are not all of one size.
  package func blended(with other: Picture, mask: Mask) throws(ImageError) -> Picture {
    guard (other.width, other.height) == (width, height), (mask.width, mask.height) == (width, height) else {
      throw .misfit(
        reason: "\(width)×\(height) pixels cannot be blended with \(other.width)×\(other.height) "
          + "under a mask of \(mask.width)×\(mask.height)")
    }
    let mixed = pixels.indices.map { i -> UInt8 in
      let share = Int(mask.values[i / 3])
      let sum = Int(pixels[i]) * (255 - share) + Int(other.pixels[i]) * share
      return UInt8((sum + 127) / 255)
    }
    return Picture(width, height, mixed)
  }

  private func resampled(_ box: Box, width: Int, height: Int) throws(ImageError) -> Picture {
    let bytes = try Resampling.resample(
      pixels, channels: 3, width: self.width, height: self.height, box: box,
      toWidth: width, height: height)
    return Picture(width, height, bytes)
  }
}

extension Mask {
  /// This mask filling another size, as `Picture.fitted`.
  /// - Throws: ``ImageError/size(width:height:)``.
  package func fitted(width: Int, height: Int) throws(ImageError) -> Mask {
    if (width, height) == (self.width, self.height) { return self }
    let box = Box.center(of: self.width, self.height, aspect: Double(width) / Double(height))
    return try resampled(box, width: width, height: height)
  }

  /// This mask in another size, as `Picture.resized`.
  /// - Throws: ``ImageError/size(width:height:)``.
  package func resized(width: Int, height: Int) throws(ImageError) -> Mask {
    try resampled(
      Box(x: 0, y: 0, width: Double(self.width), height: Double(self.height)), width: width, height: height)
  }

  private func resampled(_ box: Box, width: Int, height: Int) throws(ImageError) -> Mask {
    Mask(
      width, height,
      try Resampling.resample(
        values, channels: 1, width: self.width, height: self.height, box: box, toWidth: width, height: height))
  }
}
