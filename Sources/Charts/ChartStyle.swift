import DiTImage

/// What the charts have in common.
enum ChartStyle {
  static let titleFont = Font(size: 18, isBold: true)
  static let labelFont = Font(size: 13)
  static let tickFont = Font(size: 12)
  static let margin = 20

  /// Colours that are told apart also by those who do not tell red from green (after Okabe and Ito).
  static let colors: [Color] = [
    Color(0x2468B0), Color(0xD9622B), Color(0x1F9E78), Color(0xB7569A), Color(0xE0A21B), Color(0x58B0E0),
    Color(0x6B7280),
  ]

  static func color(_ index: Int) -> Color { colors[index % colors.count] }

  /// Draws title and legend from the top and returns where the rest begins. One unnamed series needs no legend.
  static func drawHead(_ canvas: inout Canvas, title: String, names: [String]) -> Int {
    var y = margin
    for line in titleFont.wrapped(title, width: canvas.width - 2 * margin, maximumLines: 2) {
      canvas.text(line, x: margin, y: y, font: titleFont)
      y += titleFont.lineHeight
    }
    if y > margin { y += 4 }
    guard names.contains(where: { !$0.isEmpty }) else { return y + 6 }
    var x = margin
    for (i, name) in names.enumerated() {
      let width = 22 + labelFont.width(of: name)
      if x > margin && x + width > canvas.width - margin {
        x = margin
        y += labelFont.lineHeight + 2
      }
      canvas.fill(x: x, y: y + 3, width: 14, height: labelFont.lineHeight - 7, color: color(i))
      canvas.text(name, x: x + 20, y: y, font: labelFont)
      x += width + 18
    }
    return y + labelFont.lineHeight + 10
  }
}
