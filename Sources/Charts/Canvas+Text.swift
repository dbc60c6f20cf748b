import DiTImage

extension Canvas {
  /// Where a text stands relative to its point.
  package enum Alignment: Sendable { case left, center, right }

  /// Draws one line of text; (`x`, `y`) is on the top of the line, at its left, middle or right.
  package mutating func text(
    _ text: some StringProtocol, x: Int, y: Int, font: Font = Font(), color: Color = .ink,
    alignment: Alignment = .left
  ) {
    let (left, base) = (origin(x, font.width(of: text), alignment), y + font.ascent)
    draw(
      text, font, color, point: { Point($0.x + Double(left), $0.y + Double(base)) },
      pixel: { ($0 + left, $1 + base) })
  }

  /// Draws several lines under each other.
  package mutating func text(
    lines: [String], x: Int, y: Int, font: Font = Font(), color: Color = .ink,
    alignment: Alignment = .left
  ) {
    for (i, line) in lines.enumerated() {
      text(line, x: x, y: y + i * font.lineHeight, font: font, color: color, alignment: alignment)
    }
  }

  /// Draws one line of text upwards, for the side of a chart; (`x`, `y`) is on its left edge, and its beginning, middle
  /// or end.
  package mutating func uprightText(
    _ text: String, x: Int, y: Int, font: Font = Font(), color: Color = .ink,
    alignment: Alignment = .left
  ) {
    let (start, base) = (origin(-y, font.width(of: text), alignment), x + font.ascent)
    draw(
      text, font, color, point: { Point($0.y + Double(base), -$0.x - Double(start)) },
      pixel: { (base + $1, -start - $0 - 1) })
  }

  /// - Parameters:
  ///   - point: where a place goes that is given relative to the beginning of the baseline, y downwards.
  ///   - pixel: where a pixel goes.
  private mutating func draw(
    _ text: some StringProtocol, _ font: Font, _ color: Color, point: (Point) -> Point, pixel: (Int, Int) -> (x: Int, y: Int)
  ) {
    var pen = 0
    for run in TextRun.runs(of: String(text)) {
      switch run {
      case .strokes(let glyphs):
        for glyph in glyphs {
          let (strokes, advance) = font.placement(of: glyph)
          draw(strokes.map { $0.map { point(Point($0.x + Double(pen), $0.y)) } }, font: font, color: color)
          pen += advance
        }
      case .system(let text):
        guard let line = SystemText(text, font: font) else { continue }
        for painted in line.pixels(color: color) {
          let (x, y) = pixel(pen + painted.x, painted.y)
          fill(x: x, y: y, width: 1, height: 1, color: painted.color, opacity: painted.share)
        }
        pen += line.advance
      }
    }
  }

  private func origin(_ x: Int, _ width: Int, _ alignment: Alignment) -> Int {
    switch alignment {
    case .left: x
    case .center: x - width / 2
    case .right: x - width
    }
  }

  /// Dots are a little larger than the pen.
  private mutating func draw(_ strokes: [[Point]], font: Font, color: Color) {
    stroke(strokes.filter { $0.count > 1 }, width: font.strokeWidth, color: color)
    stroke(strokes.filter { $0.count == 1 }, width: font.strokeWidth * 1.35, color: color)
  }
}
