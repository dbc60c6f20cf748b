import DiTErrors

/// What an adapter that `dit-t2i teach` made says of itself, beside its settings, in its header.
package struct TaughtRecord: Sendable, Equatable {
  /// What prompts call what was taught: "my penguin".
  package let word: String
  /// The model it was taught: its name, and the hash of its files (`ModelFingerprint`).
  package let base, baseHash: String
  /// Captions, each counted once, and the options, for people.
  package let captions: Int
  package let settings: String

  package init(word: String, base: String, baseHash: String, captions: Int, settings: String) {
    (self.word, self.base, self.baseHash, self.captions, self.settings) = (word, base, baseHash, captions, settings)
  }

  /// Bytes of a word; every prompt is searched for it, and it is printed.
  package static let longest = 200

  private static let (wordKey, baseKey, hashKey) = ("dit_t2i.word", "dit_t2i.base", "dit_t2i.base_hash")
  private static let (captionsKey, settingsKey) = ("dit_t2i.captions", "dit_t2i.settings")

  /// - Parameter metadata: of any file.
  /// - Returns: nil where it has no such record, or one that cannot be meant.
  package init?(_ metadata: [String: String]) {
    guard let word = metadata[Self.wordKey], let hash = metadata[Self.hashKey], Self.isWord(word) else { return nil }
    self.init(
      word: word, base: String((metadata[Self.baseKey] ?? "").prefix(200)), baseHash: hash,
      captions: metadata[Self.captionsKey].flatMap { Int($0) } ?? 0, settings: metadata[Self.settingsKey] ?? "")
  }

  /// Whether prompts can have it: letters or digits, and nothing that a terminal would act on.
  package static func isWord(_ text: String) -> Bool {
    text.utf8.count <= longest && text.contains { $0.isLetter || $0.isNumber }
      && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
      && !CombiningMarks.areTooMany(in: text.unicodeScalars)
  }

  /// What goes into the header; "format" is what Python's readers ask for.
  package var metadata: [String: String] {
    [
      "format": "pt", Self.wordKey: word, Self.baseKey: base, Self.hashKey: baseHash, Self.captionsKey: String(captions),
      Self.settingsKey: settings,
    ]
  }
}
