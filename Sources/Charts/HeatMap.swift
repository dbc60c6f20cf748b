import DiTImage

/// The colours of a heat map: dark blue through green to yellow, evenly spaced to the eye, and also to those who do not
/// tell red from green (viridis, of matplotlib, at eleven points).
package enum HeatMap {
  private static let anchors: [Color] = [
    Color(0x440154), Color(0x482475), Color(0x414487), Color(0x355F8D), Color(0x2A788E), Color(0x21918C),
    Color(0x22A884), Color(0x44BF70), Color(0x7AD151), Color(0xBDDF26), Color(0xFDE725),
  ]

  /// The colour of a value from 0 to 1; NaN is as 0.
  package static func color(_ value: Float) -> Color {
    let place = (value > 0 ? min(value, 1) : 0) * Float(anchors.count - 1)
    let index = min(anchors.count - 2, Int(place))
    return anchors[index].mixed(with: anchors[index + 1], place - Float(index))
  }

  /// The values of a map between the ends of a range, as 0...1; all 0 where those are equal. Values that are not finite
  /// count as the least.
  /// - Parameter range: nil: from the map's least to its greatest value.
  package static func normalized(_ map: [Float], range: ClosedRange<Float>? = nil) -> [Float] {
    let finite = map.lazy.filter(\.isFinite)
    guard let least = range?.lowerBound ?? finite.min(), let greatest = range?.upperBound ?? finite.max(), greatest > least
    else { return map.map { _ in 0 } }
    // Halves, so that the difference of two huge numbers is a number.
    let span = greatest / 2 - least / 2
    return map.map { $0.isFinite ? min(1, max(0, ($0 / 2 - least / 2) / span)) : 0 }
  }
}

extension Picture {
  /// A heat map laid over this picture, smoothed to its size: where attention goes, for instance. The hotter, the more
  /// opaque, so that the picture shows through where nothing happens.
  /// - Parameters:
  ///   - map: rows of equal length, of any range (`HeatMap.normalized`).
  ///   - alpha: the opacity of the hottest place.
  ///   - range: what the ends of the colours stand for; nil: the map's least and greatest value.
  /// - Throws: `ImageError.misfit` where the rows are of different lengths.
  package func overlayHeat(
    _ map: [[Float]], alpha: Float = 0.75, range: ClosedRange<Float>? = nil
  ) throws(ImageError) -> Picture {
    guard let columns = map.map(\.count).max(), columns > 0 else { return self }
    for (y, row) in map.enumerated() where row.count != columns {
      throw .misfit(reason: "row \(y) of a heat map has \(row.count) numbers, others have \(columns)")
    }
    let heat = Self.smoothed(
      HeatMap.normalized(map.flatMap { $0 }, range: range), rows: map.count, columns: columns, width: width, height: height)
    var result = self
    for y in 0..<height {
      for x in 0..<width {
        let value = heat[y * width + x]
        result[x, y] = self[x, y].mixed(with: HeatMap.color(value), alpha * (0.35 + 0.65 * value))
      }
    }
    return result
  }

  /// Bilinear: it neither rings nor leaves the range.
  private static func smoothed(_ map: [Float], rows: Int, columns: Int, width: Int, height: Int) -> [Float] {
    func places(_ count: Int, _ limit: Int) -> [(low: Int, high: Int, share: Float)] {
      (0..<count).map { i in
        let place = min(Float(limit - 1), max(0, (Float(i) + 0.5) * Float(limit) / Float(count) - 0.5))
        let low = min(limit - 1, Int(place))
        return (low, min(limit - 1, low + 1), place - Float(low))
      }
    }
    let across = places(width, columns)
    let down = places(height, rows)
    return down.flatMap { y in
      across.map { x in
        let top = map[y.low * columns + x.low] * (1 - x.share) + map[y.low * columns + x.high] * x.share
        let bottom = map[y.high * columns + x.low] * (1 - x.share) + map[y.high * columns + x.high] * x.share
        return top * (1 - y.share) + bottom * y.share
      }
    }
  }
}
