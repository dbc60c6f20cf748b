import DiTImage

/// A picture to draw on. Everything outside it is cut off.
package struct Canvas: Sendable {
  /// What has been drawn so far.
  package private(set) var picture: Picture

  package var width: Int { picture.width }
  package var height: Int { picture.height }

  package init(width: Int, height: Int, background: Color = .white) {
    picture = Picture(width: width, height: height, filledWith: background)
  }

  package init(_ picture: Picture) {
    self.picture = picture
  }

  /// Fills a rectangle of whole pixels.
  package mutating func fill(x: Int, y: Int, width: Int, height: Int, color: Color, opacity: Float = 1) {
    for row in clipped(y, height, self.height) {
      for column in clipped(x, width, self.width) { blend(color, opacity, column, row) }
    }
  }

  /// Draws a frame of one pixel just inside a rectangle.
  package mutating func frame(x: Int, y: Int, width: Int, height: Int, color: Color) {
    fill(x: x, y: y, width: width, height: 1, color: color)
    fill(x: x, y: y + height - 1, width: width, height: 1, color: color)
    fill(x: x, y: y + 1, width: 1, height: height - 2, color: color)
    fill(x: x + width - 1, y: y + 1, width: 1, height: height - 2, color: color)
  }

  /// Copies a picture; (`x`, `y`) is its upper left corner.
  package mutating func blit(_ source: Picture, x: Int, y: Int) {
    let columns = clipped(x, source.width, width)
    for row in clipped(y, source.height, height) where !columns.isEmpty {
      let from = ((row - y) * source.width + columns.lowerBound - x) * 3
      let to = (row * width + columns.lowerBound) * 3
      picture.pixels.replaceSubrange(
        to..<(to + columns.count * 3), with: source.pixels[from..<(from + columns.count * 3)])
    }
  }

  /// Draws a straight line with round ends, anti-aliased.
  package mutating func line(from start: Point, to end: Point, width: Double = 1, color: Color) {
    stroke([[start, end]], width: width, color: color)
  }

  /// Draws a filled circle, anti-aliased.
  package mutating func disc(at center: Point, radius: Double, color: Color) {
    stroke([[center]], width: radius * 2, color: color)
  }

  /// Draws polylines with round ends and corners, anti-aliased, as one shape: where they cross, nothing is painted
  /// twice. A line of one point is a dot.
  package mutating func stroke(_ lines: [[Point]], width: Double, color: Color, opacity: Float = 1) {
    let reach = width / 2 + 1
    let points = lines.joined()
    guard let bounds = Self.bounds(of: points) else { return }
    let columns = clipped(bounds.left - reach, bounds.right + reach, self.width)
    let rows = clipped(bounds.top - reach, bounds.bottom + reach, height)
    guard !columns.isEmpty, !rows.isEmpty else { return }

    var coverage = [Float](repeating: 0, count: columns.count * rows.count)
    for line in lines {
      for i in 0..<max(1, line.count - 1) where i < line.count {
        let a = line[i]
        let b = line[min(i + 1, line.count - 1)]
        let near = columns.clamped(to: clipped(min(a.x, b.x) - reach, max(a.x, b.x) + reach, self.width))
        for y in rows.clamped(to: clipped(min(a.y, b.y) - reach, max(a.y, b.y) + reach, height)) {
          for x in near {
            let distance = Self.distance(Point(Double(x) + 0.5, Double(y) + 0.5), a, b)
            let covered = Float(min(1, max(0, width / 2 + 0.5 - distance)))
            let index = (y - rows.lowerBound) * columns.count + x - columns.lowerBound
            if covered > coverage[index] { coverage[index] = covered }
          }
        }
      }
    }
    // Lines thinner than a pixel are paler, not thinner.
    let strength = opacity * Float(min(1, width))
    for y in rows {
      for x in columns {
        let covered = coverage[(y - rows.lowerBound) * columns.count + x - columns.lowerBound]
        if covered > 0 { blend(color, covered * strength, x, y) }
      }
    }
  }

  private mutating func blend(_ color: Color, _ share: Float, _ x: Int, _ y: Int) {
    picture[x, y] = share >= 1 ? color : picture[x, y].mixed(with: color, share)
  }

  /// From `p` to the nearest point of the line from `a` to `b`.
  private static func distance(_ p: Point, _ a: Point, _ b: Point) -> Double {
    let dx = b.x - a.x
    let dy = b.y - a.y
    let squared = dx * dx + dy * dy
    let along = squared == 0 ? 0 : min(1, max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / squared))
    let ex = p.x - a.x - along * dx
    let ey = p.y - a.y - along * dy
    return (ex * ex + ey * ey).squareRoot()
  }

  /// nil where there are no points, or any that are no place at all.
  private static func bounds(of points: some Sequence<Point>) -> (
    left: Double, right: Double, top: Double, bottom: Double
  )? {
    var bounds: (left: Double, right: Double, top: Double, bottom: Double)?
    for point in points {
      guard point.x.isFinite, point.y.isFinite else { return nil }
      let old = bounds ?? (point.x, point.x, point.y, point.y)
      bounds = (min(old.left, point.x), max(old.right, point.x), min(old.top, point.y), max(old.bottom, point.y))
    }
    return bounds
  }

  /// The part of `start..<start + count` that is within `0..<limit`.
  private func clipped(_ start: Int, _ count: Int, _ limit: Int) -> Range<Int> {
    let (end, overflow) = start.addingReportingOverflow(max(0, count))
    let last = min(limit, overflow ? limit : end)
    return max(0, min(start, last))..<max(0, last)
  }

  /// The pixels of `0..<limit` that `low...high` touches.
  private func clipped(_ low: Double, _ high: Double, _ limit: Int) -> Range<Int> {
    let first = Int(max(0, min(Double(limit), low.rounded(.down))))
    return first..<Int(max(Double(first), min(Double(limit), high.rounded(.up))))
  }
}
