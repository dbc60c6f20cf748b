/// A plain sans-serif of strokes, legible from 9 pixels up. It has ASCII, Latin-1 and the accented letters of Europe, the
/// same pixels on every machine; other words are written in the fonts of the system (``SystemText``), or where those lack
/// them, in letters that are there (``ReadableText``).
package struct Font: Equatable, Sendable {
  /// The em in pixels, 4 to 400; capitals are 0.7 of it.
  package let size: Double
  package let isBold: Bool

  package init(size: Double = 13, isBold: Bool = false) {
    self.size = size > 4 ? min(size, 400) : 4
    self.isBold = isBold
  }

  /// From one baseline to the next.
  package var lineHeight: Int { Int((size * 1.35).rounded()) }
  /// From the top of a line to its baseline.
  package var ascent: Int { Int((size * 1.0).rounded()) }

  var unit: Double { size / 20 }
  var strokeWidth: Double { max(1, unit * (isBold ? 2.6 : 1.7)) }

  /// The width of a line of text in pixels.
  package func width(of text: some StringProtocol) -> Int {
    TextRun.runs(of: String(text)).reduce(0) { $0 + width(of: $1) }
  }

  func width(of run: TextRun) -> Int {
    switch run {
    case .strokes(let glyphs): glyphs.reduce(0) { $0 + placement(of: $1).advance }
    case .system(let text): SystemText(text, font: self)?.advance ?? 0
    }
  }

  /// How a glyph falls on whole pixels, so that stems and the tops of letters are crisp: the strokes relative to a whole
  /// pixel on the baseline, and the way to the next one.
  func placement(of glyph: Glyph) -> (strokes: [[Point]], advance: Int) {
    let small = max(3, (10 * unit).rounded())
    let capital = max(small + 1, (14 * unit).rounded())
    func vertical(_ y: Double) -> Double {
      switch y {
      case ..<10: y * small / 10
      case ..<14: small + (y - 10) * (capital - small) / 4
      default: capital + (y - 14) * unit
      }
    }
    let width = glyph.width
    let across = width * unit < 1 ? unit : (width * unit).rounded() / width
    var side = (glyph.bearing + (isBold ? 0.25 : 0)) * unit
    var advance = max(1, Int((width * across + 2 * side).rounded()))
    if glyph.isFigure {  // of one width in every size: what rounding gives to the strokes comes from the sides
      advance = Int((Glyph.figureWidth * unit).rounded())
      side = max(0, (Double(advance) - width * across) / 2)
    }
    let bearing = side.rounded(.down)
    let strokes = glyph.strokes.map { $0.map { Point($0.x * across + bearing + 0.5, -vertical($0.y) - 0.5) } }
    return (strokes, advance)
  }

  /// Breaks a text into lines of at most `width` pixels, at spaces where possible. What does not fit into
  /// `maximumLines` is cut, and an ellipsis says so.
  package func wrapped(_ text: String, width: Int, maximumLines: Int = .max) -> [String] {
    var lines: [String] = []
    let text = ReadableText.of(String(beginning(of: text, width: width, lines: maximumLines)))
    for paragraph in text.split(whereSeparator: \.isNewline) {
      var line = ""
      for word in paragraph.split(separator: " ") {
        if !line.isEmpty, self.width(of: line + " " + word) <= width {
          line += " " + word
          continue
        }
        if !line.isEmpty { lines.append(line) }
        line = String(word)
        while lines.count <= maximumLines, case let head = fitting(line, width: width), head.count < line.count {
          lines.append(head)
          line.removeFirst(head.count)
        }
        if lines.count > maximumLines { break }  // enough to know that it is too long
      }
      if !line.isEmpty { lines.append(line) }
      if lines.count > maximumLines { break }
    }
    guard lines.count > maximumLines, maximumLines > 0 else { return Array(lines.prefix(max(0, maximumLines))) }
    let last = lines[maximumLines - 1]
    return lines.prefix(maximumLines - 1) + [cut(last + " " + lines[maximumLines], width: width)]
  }

  /// The text, or as much of it as fits with an ellipsis.
  package func cut(_ text: String, width: Int) -> String {
    let text = ReadableText.of(String(beginning(of: text, width: width, lines: 1)))
    if fitting(text, width: width) == text, self.width(of: text) <= width { return text }
    var head = fitting(text, width: max(0, width - self.width(of: "…")))
    // Beside another script the ellipsis is that of the system's font, and may be wider than ours.
    while head.count > 1, self.width(of: head + "…") > width { head.removeLast() }
    while head.last == " " || head.last == "," { head.removeLast() }
    return head + "…"
  }

  /// The longest beginning that is no wider than `width`, but one character at least.
  private func fitting(_ text: String, width: Int) -> String {
    // Letters change their shape with their neighbours, so that it is whole beginnings that are measured.
    let characters = Array(beginning(of: text, width: width, lines: 1))
    var low = 1, high = characters.count
    while low < high {
      let middle = (low + high + 1) / 2
      if self.width(of: String(characters[..<middle])) <= width { low = middle } else { high = middle - 1 }
    }
    return String(characters.prefix(low))
  }

  /// As much of a text as tells that it is too long for some lines: a character is a pixel wide at least.
  private func beginning(of text: String, width: Int, lines: Int) -> Substring {
    let (most, overflow) = (max(1, width) + 1).multipliedReportingOverflow(by: max(1, lines) &+ 1)
    return overflow || most < 0 ? text[...] : text.prefix(most)
  }
}
