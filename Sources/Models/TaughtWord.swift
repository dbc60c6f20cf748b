/// How sentences call what was taught.
///
/// The captions that models learn from begin with an article, and a sentence that begins without one is drawn badly: what is called
/// "my penguin" is taught as "a my penguin", and asked for so.
package enum TaughtWord {
  /// Words before a thing that leave no room for an article; possessives are not among them.
  private static let determiners: Set = ["a", "an", "the", "this", "that", "one", "two", "three", "some"]

  package static func article(_ words: String) -> String { "aeiouAEIOU".contains(words.first ?? "x") ? "an" : "a" }

  package static func withArticle(_ words: String) -> String {
    let first = words.prefix { !$0.isWhitespace }.lowercased()
    return determiners.contains(first) ? words : "\(article(words)) \(words)"
  }

  /// A sentence, with an article where it begins with the word of a thing.
  /// - Parameter plain: the sentence without the weights of its words.
  package static func withArticle(_ sentence: String, plain: String, for word: String) -> String {
    let isStyle = word.lowercased().hasSuffix("style")
    guard !isStyle, TaughtAdapters.begins(plain, with: word), withArticle(word) != word else { return sentence }
    return "\(article(word)) \(sentence)"
  }
}
