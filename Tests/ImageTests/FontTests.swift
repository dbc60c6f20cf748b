import DiTCharts
import DiTImage
import Testing

@Suite struct FontTests {
  /// A character by itself.
  func drawn(_ character: Character, size: Double = 16) -> Picture {
    var canvas = Canvas(width: 40, height: 40)
    canvas.text(String(character), x: 8, y: 8, font: Font(size: size))
    return canvas.picture
  }

  @Test func everyPrintableCharacterOfLatin1LooksDifferent() {
    let box = drawn("狐")
    let nothing = drawn(" ")
    #expect(box == drawn("🦊") && box != nothing)
    var seen: [[UInt8]: Character] = [:]
    for code in Array(UInt8(33)...126) + Array(UInt8(161)...255) where code != 173 {
      let character = Character(Unicode.Scalar(code))
      let picture = drawn(character)
      #expect(picture != box && picture != nothing, "\(character)")
      if let other = seen.updateValue(character, forKey: picture.pixels) {
        #expect(Set([character, other]) == ["`", "'"], "\(character) looks like \(other)")
      }
    }
    for character in "–—…“„•→≤€čšžřůőęłœσ∞" { #expect(drawn(character) != box, "\(character)") }
  }

  @Test func accentsComeFromTheirParts() {
    #expect(drawn("é") == drawn("e\u{301}"))
    #expect(drawn("e\u{35B}") == drawn("狐"))  // a mark that is not known: not half of the character
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
          repeating: "abcé狐".randomElement(using: &generator) ?? "a", count: .random(in: 1...20, using: &generator))
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
