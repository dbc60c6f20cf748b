/// A part of a line of text that one of two draws: our own glyphs, or the fonts of the system.
enum TextRun {
  case strokes([Glyph])
  case system(String)

  /// The parts of a line, left to right. Words that our glyphs cover look the same on every machine; others come from the
  /// system. Where a line has letters that are written from right to left, only the system knows their order.
  static func runs(of text: String) -> [TextRun] {
    if let glyphs = glyphs(of: text) { return [.strokes(glyphs)] }
    let text = ReadableText.of(text)
    if let glyphs = glyphs(of: text) { return [.strokes(glyphs)] }
    if text.unicodeScalars.contains(where: isRightToLeft) { return [.system(text)] }
    var runs: [TextRun] = []
    for (index, word) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
      var ours: [Glyph] = index > 0 ? [.space] : []
      let glyphs = glyphs(of: word)
      ours += glyphs ?? []
      if case .strokes(let before)? = runs.last {
        runs[runs.count - 1] = .strokes(before + ours)
      } else if !ours.isEmpty {
        runs.append(.strokes(ours))
      }
      if glyphs == nil { runs.append(.system(String(word))) }
    }
    return runs
  }

  /// Nil where one of its characters is none of ours.
  static func glyphs(of text: some StringProtocol) -> [Glyph]? {
    var glyphs: [Glyph] = []
    for character in text {
      guard let glyph = Glyph.of(character) else { return nil }
      glyphs.append(glyph)
    }
    return glyphs
  }

  /// Hebrew, Arabic and their neighbours: the blocks that Unicode keeps for such scripts.
  private static func isRightToLeft(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x590...0x8FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFF, 0x10800...0x10FFF, 0x1E800...0x1EFFF: true
    default: false
    }
  }
}
