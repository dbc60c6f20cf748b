/// Plain text, one prompt a line:
///
///     # comment
///     a red fox in snow --size 384x256 --seed 7 --negative "blurry, dark"
///     --class fox
///     "a sign --like this" --count 4
///
/// Options begin at the first ` --` before a letter that is not within double quotes. A prompt that is quoted as a whole
/// loses its quotes.
enum PlainPrompts {
  static func line(_ text: String, number: Int) throws(LineError) -> PromptLine? {
    if text.isEmpty || text.hasPrefix("#") { return nil }
    let start = optionStart(text)
    let words = text[..<start].trimmingCharacters(in: .whitespaces)
    try checkShortOptions(words)
    let options = try split(String(text[start...])).map(named)
    return PromptLine(number: number, prompt: words.isEmpty ? nil : unquoted(words), options: options)
  }

  /// Options of other programs in one letter, and ours.
  private static let letters: [Character: String] = [
    "n": "--count", "S": "--seed", "s": "--steps", "C": "--guidance", "g": "--guidance", "W": "--size WxH", "H": "--size WxH",
  ]

  /// `-n4` and `-S 12` at the end of a prompt are meant as options, and would be drawn as words.
  private static func checkShortOptions(_ words: String) throws(LineError) {
    guard let match = words.firstMatch(of: /(?:^|\s)-([A-Za-z])\s*([0-9][0-9.]*)(?=\s+-|\s*$)/),
      let letter = match.1.first, let name = letters[letter]
    else { return }
    let word = match.0.trimmingCharacters(in: .whitespaces)
    let value = name.hasSuffix("WxH") ? "" : " \(match.2)"
    throw LineError("\"\(word)\" would be drawn as words: write \(name)\(value), or quote the prompt")
  }

  /// An option by its name here: `--cfg_scale=7` → `--guidance=7`.
  private static func named(_ word: String) -> String {
    guard word.hasPrefix("--"), let name = FieldNames.option(String(word.dropFirst(2).prefix { $0 != "=" })),
      FieldNames.isOurs(name), !["prompt", "width", "height"].contains(name)
    else { return word }
    return "--\(name)" + word.drop { $0 != "=" }
  }

  /// Where `--letter` begins a word outside quotes; the end where none does.
  private static func optionStart(_ text: String) -> String.Index {
    // A lone quote is inches or a slip, and quotes nothing.
    let isBalanced = text.count { $0 == "\"" } % 2 == 0
    var isQuoted = false
    var previous: Character = " "
    for index in text.indices {
      if text[index] == "\"" && isBalanced { isQuoted.toggle() }
      if !isQuoted, previous == " " || previous == "\t", text[index...].hasPrefix("--"),
        let letter = text[index...].dropFirst(2).first, letter.isLetter
      {
        return index
      }
      previous = text[index]
    }
    return text.endIndex
  }

  private static func unquoted(_ words: String) -> String {
    let inner = words.dropFirst().dropLast()
    return words.count > 1 && words.first == "\"" && words.last == "\"" && !inner.contains("\"") ? String(inner) : words
  }

  /// Words as a shell splits them: blanks separate, both quotes and the backslash protect.
  static func split(_ text: String) throws(LineError) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var rest = text[...]
    while let character = rest.popFirst() {
      switch (character, quote) {
      case ("\\", let open) where open != "'":
        guard let escaped = rest.popFirst() else { throw LineError("the line ends after a backslash") }
        word = (word ?? "") + String(escaped)
      case (let closing, let open?) where closing == open: quote = nil
      case (_, .some): word = (word ?? "") + String(character)
      case ("\"", nil), ("'", nil):
        quote = character
        word = word ?? ""
      case (" ", nil), ("\t", nil):
        if let done = word { words.append(done) }
        word = nil
      default: word = (word ?? "") + String(character)
      }
    }
    guard quote == nil else { throw LineError("a quote in the options is not closed") }
    if let done = word { words.append(done) }
    return words
  }
}
