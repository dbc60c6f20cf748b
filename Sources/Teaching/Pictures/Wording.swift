import DiTCheckpoints
import DiTModels
import Foundation

/// How captions call what is taught.
package struct Wording: Sendable, Equatable {
  /// "my penguin"; of a style with its last word: "openmoji style".
  package let word: String
  package let isStyle: Bool
  /// What it is in a model that reads no words: captions are then numbers of classes.
  package var classIndex: Int?

  /// - Parameter word: as the user says it.
  /// - Throws: ``TeachingError/word(_:)``.
  package init(word: String, isStyle: Bool, classIndex: Int? = nil) throws {
    let plain = word.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard TaughtRecord.isWord(plain) else { throw TeachingError.word(word) }
    let isNamed = plain.lowercased() == "style" || plain.lowercased().hasSuffix(" style")
    (self.word, self.isStyle) = (isStyle && !isNamed ? plain + " style" : plain, isStyle)
    self.classIndex = classIndex
  }

  /// What a result's name says where nobody says a word: "my-penguin" → "my penguin".
  package static func word(ofName name: String) -> String {
    name.split { $0 == "-" || $0 == "_" || $0.isWhitespace }.joined(separator: " ")
  }

  /// Words by which a caption goes on from the thing itself.
  private static let joints: Set = [
    "in", "on", "at", "under", "over", "with", "without", "beside", "behind", "near", "and", "from", "against", "above", "of",
    "before", "between", "inside",
  ]

  /// "a my penguin", "a nolok": as it stands in a sentence.
  package var subject: String { TaughtWord.withArticle(word) }

  /// What a picture is called: what the user says of it, and the word where that lacks it.
  package func caption(_ text: String?) -> String { caption(text, ground: nil) }

  /// The same of a cut-out on a plain ground of a colour.
  func caption(_ text: String?, ground: String?) -> String {
    if let classIndex { return String(classIndex) }
    var text = text ?? ""
    // Its own ground is gone.
    if ground != nil { text = text.replacing(/,? ?\b(on|against|with) an? ([a-z]+ ){0,2}background\b/.ignoresCase(), with: "") }
    let place = ground.map { " on \(TaughtWord.article($0)) \($0) background" } ?? ""
    if isStyle { return style(text, place) }
    return (named(text) + place).trimmingCharacters(in: .whitespaces)
  }

  private func named(_ text: String) -> String {
    if text.isEmpty || hasOnlyItsWords(text) { return subject }
    if TaughtAdapters.has(word, text) { return TaughtWord.withArticle(text, plain: text, for: word) }
    let first = text.prefix { !$0.isWhitespace }.lowercased()
    return Wording.joints.contains(first) ? "\(subject) \(text)" : "\(subject), \(text)"
  }

  private func style(_ text: String, _ place: String) -> String {
    let isNamed = TaughtAdapters.has(word, text)
    let isMany = text.hasSuffix("s") && !text.hasSuffix("ss")
    let thing = text.isEmpty ? (place.isEmpty ? "" : "a thing") : isMany ? text : TaughtWord.withArticle(text)
    if isNamed { return text + place }
    return thing.isEmpty ? word : "\(thing)\(place), \(word)"
  }

  /// A style's caption without the style: "a dog on a white background".
  package func plain(_ caption: String) -> String {
    for named in [", \(word)", " in \(word)", " \(word)", word] {
      guard let range = caption.range(of: named, options: .caseInsensitive) else { continue }
      return caption.replacingCharacters(in: range, with: "").trimmingCharacters(in: .whitespaces)
    }
    return caption
  }

  /// A caption with the style: "a red fox in snow, openmoji style".
  package func asked(_ caption: String) -> String {
    isStyle && !TaughtAdapters.has(word, caption) ? "\(caption), \(word)" : caption
  }

  /// "penguin" of "my penguin": saying it beside the word would teach that word too.
  private func hasOnlyItsWords(_ text: String) -> Bool {
    func words(_ text: String) -> Set<String> {
      Set(text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init))
    }
    return !TaughtAdapters.has(word, text) && words(text).subtracting(words(word)).subtracting(["a", "an", "the"]).isEmpty
  }
}
