import DiTCharts
import DiTImage
import DiTTestSupport
import Testing

@Suite struct FontTests {
  /// A character by itself.
  func drawn(_ character: Character, size: Double = 16) -> Picture {
    var canvas = Canvas(width: 40, height: 40)
    canvas.text(String(character), x: 8, y: 8, font: Font(size: size))
    return canvas.picture
  }

  @Test func everyPrintableCharacterOfLatin1LooksDifferent() {
    let nothing = drawn(" ")
    var seen: [[UInt8]: Character] = [:]
    for code in Array(UInt8(33)...126) + Array(UInt8(161)...255) where code != 173 {
      let character = Character(Unicode.Scalar(code))
      let picture = drawn(character)
      #expect(picture != nothing, "\(character)")
      if let other = seen.updateValue(character, forKey: picture.pixels) {
        #expect(Set([character, other]) == ["`", "'"], "\(character) looks like \(other)")
      }
    }
    // Our own: they look the same wherever the tests run, and need no font.
    for character in "–—…“„•→≤€čšžřůőęłœσ∞" {
      #expect(ReadableText.of(String(character)) { _ in false } == String(character))
      #expect(drawn(character) != nothing, "\(character)")
    }
  }

  @Test func accentsComeFromTheirParts() {
    #expect(drawn("é") == drawn("e\u{301}"))
    // A mark that no font has is left out.
    #expect(ReadableText.of("e\u{35B}") { _ in false } != "e\u{35B}")
    #expect(drawn("í") != drawn("i"))
  }

  @Test func widthsAddUpAndFiguresAreTabular() {
    let font = Font(size: 13)
    #expect(font.width(of: "") == 0)
    #expect(font.width(of: "fox in snow") == font.width(of: "fox ") + font.width(of: "in snow"))
    #expect(Set("0123456789".map { font.width(of: String($0)) }).count == 1)
    #expect(font.width(of: "m") > font.width(of: "i"))
    #expect(Font(size: .nan).size == 4 && Font(size: .infinity).size == 400)
  }

  @Test func wrapsAtSpacesWithinTheWidth() {
    let font = Font(size: 12)
    var generator = SeededGenerator(5)
    for _ in 0..<200 {
      let words = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
        String(
          repeating: "abcé".randomElement(using: &generator) ?? "a", count: .random(in: 1...20, using: &generator))
      }
      let text = words.joined(separator: " ")
      let width = Int.random(in: 30...200, using: &generator)
      let lines = font.wrapped(text, width: width)
      #expect(lines.allSatisfy { font.width(of: $0) <= width })
      #expect(lines.joined().filter { $0 != " " } == text.filter { $0 != " " })
      let cut = font.wrapped(text, width: width, maximumLines: 2)
      #expect(cut.count == min(2, lines.count) && cut.allSatisfy { font.width(of: $0) <= width })
      #expect((cut.last?.last == "…") == (lines.count > 2))
      #expect(cut.first == lines.first)
    }
    #expect(font.wrapped("two\nlines\r\nand more", width: 500) == ["two", "lines", "and more"])
    #expect(font.wrapped("anything", width: 0, maximumLines: 1).count == 1)
    #expect(font.wrapped("anything", width: 100, maximumLines: 0) == [])
    #expect(font.wrapped("  ", width: 100) == [])
  }
}

/// What our own glyphs do not have.
@Suite struct ScriptTests {
  /// The fonts of a bare system have these scripts; others are tried where they are installed.
  static let scripts = ["лиса в снегу", "η αλεπού", "ثعلب أحمر", "שועל אדום", "狐狸", "🦊", "여우", "लोमड़ी"].filter { ReadableText.of($0) == $0 }

  @Test(arguments: [
    ("a red fox", "a red fox"), ("лиса в снегу", "lisa v snegu"), ("狐狸 fox", "hú lí fox"), ("🦊 x", "[fox face] x"),
    ("👩‍👧", "[woman, girl]"), ("\u{13080}", "U+13080"), ("ثعلب", "th'lb"), ("\u{10FFFD}", "U+10FFFD"), ("", ""),
  ])
  func whatNoFontHasIsWrittenOtherwise(_ text: String, _ readable: String) {
    #expect(ReadableText.of(text) { _ in false } == readable)
    #expect(ReadableText.of(text) { _ in true } == text)
  }

  @Test func onlyTheUnknownPartsAreReplaced() {
    #expect(ReadableText.of("лиса 🦊狐 a") { !$0.contains("🦊") } == "лиса [fox face]狐 a")
  }

  @Test(arguments: scripts)
  func scriptsAreDrawnInTheSystemsFonts(_ text: String) {
    for size in [9.0, 16, 40] {
      let font = Font(size: size)
      let width = font.width(of: text)
      #expect(width > Int(size) / 2 && width < text.count * Int(size) * 2)
      var canvas = Canvas(width: width + 40, height: font.lineHeight + 40)
      canvas.text(text, x: 20, y: 20, font: font, color: .black)
      let inked = (0..<canvas.height).flatMap { y in
        (0..<canvas.width).filter { canvas.picture[$0, y] != .white }.map { (x: $0, y: y) }
      }
      #expect(inked.count > Int(size))
      // Within the line, but for a little: marks may rise above it.
      #expect(inked.allSatisfy { $0.x >= 18 && $0.x < width + 22 && $0.y > 20 - Int(size) / 2 && $0.y < 24 + font.lineHeight })
    }
  }

  @Test(.enabled(if: scripts.contains("ثعلب أحمر"))) func arabicLettersAreJoinedFromTheRight() {
    let font = Font(size: 30)
    #expect(font.width(of: "ببب") < 3 * font.width(of: "ب"))
    // The first letter, alef, stands to the right of the second and joins nothing.
    var canvas = Canvas(width: 100, height: 60)
    canvas.text("اب", x: 10, y: 5, font: font, color: .black)
    let middle = 10 + font.width(of: "اب") / 2
    let top = { (columns: Range<Int>) in
      (0..<60).first { y in columns.contains { canvas.picture[$0, y] != .white } } ?? 60
    }
    #expect(top(middle..<100) < top(0..<middle))
  }

  @Test(.enabled(if: scripts.contains("лиса в снегу"))) func wordsOfOursStayOursBesideOthers() throws {
    let font = Font(size: 16)
    var alone = Canvas(width: 60, height: 30), beside = Canvas(width: 60, height: 30)
    alone.text("fox ", x: 4, y: 4, font: font)
    beside.text("fox лиса", x: 4, y: 4, font: font)
    let width = 4 + font.width(of: "fox ")
    #expect(
      try alone.picture.cropped(x: 0, y: 0, width: width, height: 30)
        == beside.picture.cropped(x: 0, y: 0, width: width, height: 30))
    #expect(alone.picture != beside.picture)
    // Upright text is the same, turned.
    var upright = Canvas(width: 30, height: 60)
    upright.uprightText("fox лиса", x: 4, y: 56, font: font)
    for y in 0..<60 {
      for x in 0..<30 where upright.picture[x, y] != beside.picture[59 - y, x] {
        Issue.record("pixel \(x), \(y)")
        return
      }
    }
  }

  @Test(arguments: scripts)
  func wrapsAndCutsWithinTheWidth(_ text: String) {
    let font = Font(size: 12)
    let long = Array(repeating: text, count: 9).joined(separator: text.count < 3 ? "" : " ")
    for width in [30, 77, 200] {
      let lines = font.wrapped(long, width: width)
      #expect(lines.joined().filter { $0 != " " } == long.filter { $0 != " " })
      #expect(lines.allSatisfy { font.width(of: $0) <= width || $0.count == 1 })
      let cut = font.wrapped(long, width: width, maximumLines: 1)
      #expect(cut.count == 1 && font.width(of: cut[0]) <= width)
    }
  }

  /// A caption of a megabyte is cut without being measured as a whole.
  @Test func hugeCaptionsAreCutInNoTime() {
    let font = Font(size: 12)
    let time = processorTime {
      for text in ["狐", "a", "狐 ", "e\u{301}\u{302}"] {
        let lines = font.wrapped(String(repeating: text, count: 1 << 16), width: 200, maximumLines: 3)
        #expect(lines.count == 3 && lines.last?.last == "…")
      }
    }
    #expect(time < .seconds(30))
  }
}
