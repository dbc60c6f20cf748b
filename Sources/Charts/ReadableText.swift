import Foundation

/// Text whose every character can be drawn.
package enum ReadableText {
  /// The text, with what neither our glyphs nor the system's fonts have written otherwise: words in Latin letters
  /// (狐狸 → hú lí), signs by their names (🦊 → [fox face]), and the rest by number (𓂀 → U+13080).
  package static func of(_ text: String) -> String { of(text, isKnown: SystemText.hasFonts(for:)) }

  /// - Parameter isKnown: whether the system's fonts have every character of a text.
  package static func of(_ text: String, isKnown: (String) -> Bool) -> String {
    if TextRun.glyphs(of: text) != nil || isKnown(text) { return text }
    return text.split(separator: " ", omittingEmptySubsequences: false).map { word in
      let word = String(word)
      if TextRun.glyphs(of: word) != nil || isKnown(word) { return word }
      if let latin = latin(word) { return latin }
      return word.map { character in
        let text = String(character)
        return Glyph.of(character) != nil || isKnown(text) ? text : latin(text) ?? name(character)
      }.joined()
    }.joined(separator: " ")
  }

  private static func latin(_ text: String) -> String? {
    guard let latin = text.applyingTransform(.toLatin, reverse: false) else { return nil }
    if TextRun.glyphs(of: latin) != nil { return latin }
    // Scholars' letters have dots and rings that our glyphs lack: ḥ.
    let plain = latin.applyingTransform(StringTransform("Latin-ASCII"), reverse: false)?.replacing("ʿ", with: "'")
    return plain.flatMap { TextRun.glyphs(of: $0) == nil ? nil : $0 }
  }

  /// Variation selectors and joiners say how others look: they are not named.
  private static func name(_ character: Character) -> String {
    let scalars = character.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint }
    let names = scalars.compactMap { $0.properties.isAlphabetic ? nil : $0.properties.name }
    if !names.isEmpty, names.count == scalars.count { return "[\(names.joined(separator: ", ").lowercased())]" }
    return character.unicodeScalars.map { String(format: "U+%04X", $0.value) }.joined(separator: " ")
  }
}
