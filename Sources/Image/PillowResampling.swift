import Foundation

/// Pictures resized as Pillow does up to 10.4, to the last bit: what CLIP's encoder of pictures was shown.
///
/// Both passes, first along the rows, round to 8 bits; weights are integers of 22 bits behind the point.
enum PillowResampling {
  private static let bits = 22

  /// The source pixels that make one pixel along one axis.
  private struct Taps {
    let first: Int
    let weights: [Int]
  }

  /// Of the pixels `range` of a line of `count`.
  private static func taps(_ filter: Picture.Filter, from length: Int, to count: Int, _ range: Range<Int>) -> [Taps] {
    let scale = Double(length) / Double(count)
    let spread = max(scale, 1)
    let support = filter.support * spread
    return range.map { index in
      let center = (Double(index) + 0.5) * scale
      let first = max(Int(center - support + 0.5), 0)
      let end = max(first + 1, min(Int(center + support + 0.5), length))
      let weights = (first..<end).map { filter.weight((Double($0) - center + 0.5) / spread) }
      let sum = weights.reduce(0, +)
      return Taps(first: first, weights: weights.map { Int(($0 / sum * Double(1 << bits)).rounded(.toNearestOrAwayFromZero)) })
    }
  }

  /// - Parameters:
  ///   - bytes: [height, width, 3].
  ///   - columns, rows: the part of the resized picture that is made.
  static func resample(
    _ bytes: [UInt8], width: Int, height: Int, toWidth: Int, height toHeight: Int, columns: Range<Int>, rows: Range<Int>,
    _ filter: Picture.Filter
  ) -> [UInt8] {
    var result = bytes
    var line = width
    if width != toWidth {
      let taps = taps(filter, from: width, to: toWidth, columns)
      result = pass(result, lines: height, step: (3, 3 * width), toStep: (3, 3 * columns.count), taps)
      line = columns.count
    }
    guard height != toHeight else { return result }
    let taps = taps(filter, from: height, to: toHeight, rows)
    return pass(result, lines: line, step: (3 * line, 3), toStep: (3 * line, 3), taps)
  }

  /// One axis of every line.
  /// - Parameter step: bytes from a pixel to the next along the axis, and from a line to the next.
  private static func pass(
    _ bytes: [UInt8], lines: Int, step: (pixel: Int, line: Int), toStep: (pixel: Int, line: Int), _ taps: [Taps]
  ) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: lines * taps.count * 3) { result, filled in
      bytes.withUnsafeBufferPointer { bytes in
        for line in 0..<lines {
          for (index, taps) in taps.enumerated() {
            for channel in 0..<3 {
              var sum = 1 << (bits - 1)
              var from = line * step.line + taps.first * step.pixel + channel
              for weight in taps.weights {
                sum += Int(bytes[from]) * weight
                from += step.pixel
              }
              result[line * toStep.line + index * toStep.pixel + channel] = UInt8(min(255, max(0, sum >> bits)))
            }
          }
        }
      }
      filled = lines * taps.count * 3
    }
  }
}

extension Picture {
  /// Pillow's filters, by the numbers that `preprocessor_config.json` knows them by.
  package enum Filter: Int, Sendable {
    case lanczos = 1, bicubic = 3

    var support: Double { self == .lanczos ? 3 : 2 }

    func weight(_ x: Double) -> Double {
      let x = abs(x)
      switch self {
      case .bicubic:
        let a = -0.5
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
      case .lanczos: return x < 3 ? sinc(x) * sinc(x / 3) : 0
      }
    }

    private func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(x * .pi) / (x * .pi) }
  }

  /// The middle square of `side` pixels of this picture with its short side `shortSide` long: to the last bit as Pillow up to
  /// 10.4 makes it. Nothing else of the resized picture is made, however long it is.
  /// - Throws: ``ImageError/misfit(reason:)`` where the short side is shorter than the square's.
  package func middle(_ side: Int, ofShortSide shortSide: Int, _ filter: Filter) throws(ImageError) -> Picture {
    guard side > 0, side <= shortSide, shortSide <= 1 << 16 else {
      throw .misfit(reason: "a square of \(side) pixels in a picture whose short side is \(shortSide)")
    }
    let long = shortSide * max(width, height) / min(width, height)
    let (toWidth, toHeight) = width <= height ? (shortSide, long) : (long, shortSide)
    let (left, top) = ((toWidth - side) / 2, (toHeight - side) / 2)
    let (columns, rows) = (left..<left + side, top..<top + side)
    let part = PillowResampling.resample(
      pixels, width: width, height: height, toWidth: toWidth, height: toHeight, columns: columns, rows: rows, filter)
    // An axis that keeps its length was not cut yet.
    let found = Picture(toWidth == width ? width : side, toHeight == height ? height : side, part)
    return try found.cropped(
      x: toWidth == width ? left : 0, y: toHeight == height ? top : 0, width: side, height: side)
  }

  /// The middle square, in another size by Lanczos: how UniDiffuser's authors read a picture.
  /// - Throws: ``ImageError/size(width:height:)``.
  package func centerSquare(_ side: Int) throws(ImageError) -> Picture {
    let inner = min(width, height)
    return try cropped(x: (width - inner) / 2, y: (height - inner) / 2, width: inner, height: inner)
      .middle(side, ofShortSide: side, .lanczos)
  }
}
