import DiTFiles
import Testing

@Suite struct SlugTests {
  @Test(arguments: [
    ("a red fox in snow", "a-red-fox-in-snow"), ("Füchse, 狐!", "füchse-狐"), ("", "picture"), ("…", "picture"),
    (String(repeating: "x", count: 200), String(repeating: "x", count: 20)),
  ])
  func wordsOfAPrompt(_ text: String, slug expected: String) { #expect(slug(text) == expected) }

  /// A character may have any number of bytes, a file's name may not.
  @Test(arguments: ["\u{301}", "\u{200D}", "\u{94D}\u{915}", "\u{1F3FB}", "\u{1161}"])
  func charactersWithoutEnd(_ mark: String) {
    let name = slug("a" + String(repeating: mark, count: 200) + " fox")
    #expect((1...100).contains(name.utf8.count), "\(name.utf8.count)")
  }
}
