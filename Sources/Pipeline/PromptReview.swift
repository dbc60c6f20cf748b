import DiTErrors
import DiTModels
import DiTText

/// What of a prompt a model will not see, or not draw as it is meant: by its tokenizer, its list of words and its
/// ``ModelLimits``.
package struct PromptReview {
  private let folder: ModelFolder
  private let vocabulary: Vocabulary?
  private let tokenizer: (any TextTokenizer)?
  private var name: String { folder.name }
  private var limits: ModelLimits? { folder.limits }
  private var text: TextDescription? { folder.text }
  /// Names of classes, of which no word counts alone: "four leaf clover", "person biking".
  private let classes: [String]

  /// - Parameter tokenizer: nil: the model's own, where it reads text.
  /// - Throws: `TokenizerError`.
  package init(_ folder: ModelFolder, tokenizer: (any TextTokenizer)? = nil) throws {
    self.folder = folder
    vocabulary = Vocabulary(of: folder)
    self.tokenizer = try tokenizer ?? (folder.text == nil ? nil : folder.tokenizer())
    classes = folder.classes.map { PromptReview.words($0).joined(separator: " ") }.filter { $0.contains(" ") }
  }

  /// A line for each kind of thing that is found in a request's prompt; its adapters know their own words.
  package func notes(on request: GenerationRequest) -> [String] {
    notes(on: request.prompt, taught: (folder.options.adapters + request.adapters).compactMap(\.word))
  }

  /// A line for each kind of thing that is found in a prompt.
  /// - Parameter taught: words that the model was taught by adapters.
  package func notes(on prompt: String, taught: [String] = []) -> [String] {
    let text = WeightedPrompt.plain(prompt)
    let words = PromptReview.words(text)
    var named = " " + words.joined(separator: " ") + " "
    for name in classes where named.contains(" \(name) ") { named = named.replacing(" \(name) ", with: "  ") }
    let uncounted = limits?.counts.map { EnglishWords.numbers(in: named, above: $0) } ?? []
    var notes: [String] = []
    if let most = limits?.counts, !uncounted.isEmpty {
      notes.append("\(name) counts up to \(most) of a kind; \(listed(uncounted)) may come out as fewer")
    }
    if limits?.actions == false {
      let found = EnglishWords.actions(in: named)
      if !found.isEmpty { notes.append("\(name) knows things and places, not what is done: \(listed(found)) is a guess") }
    }
    if let styles = limits?.styles {
      let found = EnglishWords.styles(in: named, but: styles)
      if !found.isEmpty { notes.append("\(name) knows the styles \(styles.joined(separator: ", ")), not \(listed(found))") }
    }
    let known = uncounted + taught.flatMap(PromptReview.words)
    return notes + unknown(in: text, words.count, but: known) + unspelled(in: text) + cut(text)
  }

  /// Tokens of a prompt, without its weights; 0 where the model reads no text.
  package func tokenCount(of prompt: String) throws -> Int {
    guard let text, let tokenizer else { return 0 }
    return try text.tokens(of: WeightedPrompt.plain(prompt), by: tokenizer).count
  }

  /// Whether a request's guidance has a branch that knows nothing of the prompt, or of the negative one alone.
  package func hasTwoBranches(_ request: GenerationRequest) -> Bool { folder.guidance(of: request).scale != 1 }

  /// Where shapes do not hold together at a request's size: what is done about it, or could be. Nil where they do.
  package func sizeAdvice(_ request: GenerationRequest) -> String? {
    let size = request.size
    guard let sizes = limits?.sizes, let better = limits?.better(than: size, step: folder.sizeStep) else { return nil }
    let good = "\(name) draws well from \(sizes.smallest)x\(sizes.smallest) to \(sizes.largest)x\(sizes.largest) pixels"
    return switch folder.sizePlan(of: request) {
    case .direct: "\(good), not at \(size): try --size \(better), or leave out --sizing direct"
    case .reduced(let first): "\(good): \(first) is drawn, and brought to \(size)"
    case .refined(let first, _): "\(good): \(first) is drawn, then enlarged to \(size) and drawn on"
    }
  }

  /// What is beyond the model's longest prompt.
  private func cut(_ plain: String) -> [String] {
    guard let text, let tokenizer, case let dropped = text.dropped(from: plain, by: tokenizer), dropped > 0 else { return [] }
    let read = tokenizer.maximumLength - tokenizer.endCount - tokenizer.startCount
    return ["\(name) reads \(read) tokens; the last \(dropped) of the prompt are not seen"]
  }

  /// Words that the model was not trained on.
  private func unknown(in text: String, _ count: Int, but known: [String]) -> [String] {
    let unknown = (vocabulary?.unknown(in: text) ?? []).filter { !known.contains($0.lowercased()) }
    guard !unknown.isEmpty else { return [] }
    let isForeign = unknown.contains { !$0.unicodeScalars.allSatisfy { $0.value < 0x250 } }
      || (unknown.count > 1 && 2 * unknown.count >= count)
    if let language = limits?.language, isForeign { return ["\(name) reads \(language); it ignores \(listed(unknown))"] }
    return ["\(name) was not trained on \(listed(unknown)), and ignores \(unknown.count == 1 ? "it" : "them")"]
  }

  /// Signs for which the tokenizer has no piece; letters are words' matter where words are known.
  private func unspelled(in text: String) -> [String] {
    guard let tokenizer, let unknown = tokenizer.unknownID else { return [] }
    var found: [Character] = []
    for sign in text where !sign.isASCII && !found.contains(sign) {
      if sign.isWhitespace || sign.isPunctuation || (sign.isLetter && vocabulary != nil) { continue }
      if (try? tokenizer.pieces(of: Array(String(sign).utf8)).contains(unknown)) == true { found.append(sign) }
    }
    return found.isEmpty ? [] : ["\(name) cannot read \(listed(found.map(String.init))): left out"]
  }

  private static func words(_ text: String) -> [String] {
    text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
  }
}
