import Foundation

/// Separable resampling with an anti-aliasing Lanczos window.
enum Resampling {
  /// The source pixels that make one pixel along one axis.
  struct Taps {
    let first: Int
    let weights: [Float]
  }

  /// The weights of every pixel of `count` that divide `length` pixels from `start`, of a line of `limit` pixels. They
  /// add up to one; the window ends at the line's ends.
  static func taps(start: Double, length: Double, limit: Int, count: Int) -> [Taps] {
    let scale = length / Double(count)
    let spread = max(1, scale)
    let support = 3 * spread
    return (0..<count).map { i in
      let center = start + (Double(i) + 0.5) * scale
      let first = min(limit - 1, max(0, Int((center - support).rounded(.down))))
      let last = max(first, min(limit - 1, Int((center + support).rounded(.up))))
      let weights = (first...last).map { lanczos((Double($0) + 0.5 - center) / spread) }
      let sum = weights.reduce(0, +)
      return Taps(first: first, weights: weights.map { Float($0 / sum) })
    }
  }

  private static func lanczos(_ x: Double) -> Double {
    if x == 0 { return 1 }
    if abs(x) >= 3 { return 0 }
    let t = Double.pi * x
    return 3 * sin(t) * sin(t / 3) / (t * t)
  }

  /// - Parameter bytes: `[height, width, channels]`.
  /// - Returns: `[toHeight, toWidth, channels]`, of the part `box`.
  static func resample(
    _ bytes: [UInt8], channels: Int, width: Int, height: Int, box: Box,
    toWidth: Int, height toHeight: Int
  ) throws(ImageError) -> [UInt8] {
    let count = try Picture.byteCount(width: toWidth, height: toHeight, channels: channels)
    let across = taps(start: box.x, length: box.width, limit: width, count: toWidth)
    let down = taps(start: box.y, length: box.height, limit: height, count: toHeight)
    let rowCount = toWidth * channels
    // Rows are narrowed once each, when first asked for, and kept while the window needs them.
    var narrow: [Int: [Float]] = [:]
    return [UInt8](unsafeUninitializedCapacity: count) { result, filled in
      var sums = [Float](repeating: 0, count: rowCount)
      for (y, column) in down.enumerated() {
        for i in 0..<rowCount { sums[i] = 0 }
        for (offset, weight) in column.weights.enumerated() where weight != 0 {
          let row = column.first + offset
          let floats = narrow[row] ?? narrowed(bytes, from: row * width * channels, channels: channels, across: across)
          narrow[row] = floats
          for i in 0..<rowCount { sums[i] += floats[i] * weight }
        }
        if y + 1 < down.count { narrow = narrow.filter { $0.key >= down[y + 1].first } }
        for i in 0..<rowCount { result[y * rowCount + i] = UInt8(min(255, max(0, sums[i] + 0.5))) }
      }
      filled = count
    }
  }

  /// One row of the source, which begins at `start`, in its new width.
  private static func narrowed(_ bytes: [UInt8], from start: Int, channels: Int, across: [Taps]) -> [Float] {
    [Float](unsafeUninitializedCapacity: across.count * channels) { floats, filled in
      bytes.withUnsafeBufferPointer { bytes in
        for (x, taps) in across.enumerated() {
          for channel in 0..<channels {
            var sum: Float = 0
            var from = start + taps.first * channels + channel
            for weight in taps.weights {
              sum += Float(bytes[from]) * weight
              from += channels
            }
            floats[x * channels + channel] = sum
          }
        }
      }
      filled = across.count * channels
    }
  }
}
