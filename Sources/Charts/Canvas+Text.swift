import DiTImage

extension Canvas {
  /// Where a text stands relative to its point.
  package enum Alignment: Sendable { case left, center, right }

  /// Draws one line of text; (`x`, `y`) is on the top of the line, at its left, middle or right.
  package mutating func text(
    _ text: some StringProtocol, x: Int, y: Int, font: Font = Font(), color: Color = .ink,
    alignment: Alignment = .left
  ) {
    var pen = origin(x, font.width(of: text), alignment)
    for character in text {
      let (strokes, advance) = font.placement(of: .of(character))
      let moved = strokes.map { $0.map { Point($0.x + Double(pen), $0.y + Double(y + font.ascent)) } }
      draw(moved, font: font, color: color)
      pen += advance
    }
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
    var pen = origin(-y, font.width(of: text), alignment)
    for character in text {
      let (strokes, advance) = font.placement(of: .of(character))
      draw(
        strokes.map { $0.map { Point($0.y + Double(x + font.ascent), -$0.x - Double(pen)) } }, font: font, color: color)
      pen += advance
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
