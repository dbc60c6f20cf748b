import DiTErrors
import DiTModels
import Foundation

/// `<lora:name:0.8>` in prompts, as the web UI writes it; `<lyco:…>` is the same.
package enum LoRATags {
  package struct Tag: Equatable, Sendable {
    package let name: String
    package let scale: Float
    /// As it stands in the prompt.
    package let text: String
  }

  /// The prompt without its tags, and these in their order.
  /// - Parameter refused: is told of a tag that means nothing.
  /// - Throws: what `refused` does, ``LoRAUseError/tag(_:)`` if it is left out.
  package static func taken(
    from prompt: String, refused: (LoRAUseError) throws -> Void = { throw $0 }
  ) throws -> (prompt: String, tags: [Tag]) {
    var rest = prompt[...]
    var result = ""
    var tags: [Tag] = []
    var isTagged = false
    var end: String.Index?
    while let open = rest.firstIndex(of: "<") {
      let text = rest[open...]
      // Searched for once, or many tags that nothing closes would take the square of their number.
      if isTag(text), end ?? text.startIndex <= open {
        end = text.firstIndex { $0 == ">" || $0.isNewline } ?? text.endIndex
      }
      guard isTag(text), let close = end, close < text.endIndex, text[close] == ">" else {
        result += rest[...open]
        rest = rest[rest.index(after: open)...]
        continue
      }
      if let tag = tag(String(text[...close])) { tags.append(tag) } else { try refused(.tag(String(text[...close]))) }
      isTagged = true
      result += rest[..<open]
      rest = rest[rest.index(after: close)...]
      // Of the spaces at both sides one is left, and none before a comma.
      if result.last?.isWhitespace ?? true { rest = rest.drop { $0 == " " } }
      if let next = rest.first, ",.;)".contains(next) { while result.last == " " { result.removeLast() } }
    }
    guard isTagged else { return (prompt, []) }
    return ((result + rest).trimmingCharacters(in: .whitespacesAndNewlines), tags)
  }

  private static func isTag(_ text: Substring) -> Bool {
    let start = text.prefix(6).lowercased()
    return start == "<lora:" || start == "<lyco:"
  }

  /// `<lora:name>`, `<lora:name:scale>`, or with a scale for the text encoder first, which no adapter here changes.
  private static func tag(_ text: String) -> Tag? {
    let parts = text.dropFirst(6).dropLast().split(separator: ":", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    let numbers = parts.dropFirst().map { Float($0) }
    guard !parts[0].isEmpty, numbers.count <= 2, numbers.allSatisfy({ $0.map(LoRA.scales.contains) ?? false }) else {
      return nil
    }
    return Tag(name: parts[0], scale: (numbers.last ?? 1) ?? 1, text: text)
  }
}

/// Opens each adapter once, however many prompts name it.
package final class LoRAShelf {
  package let folder: LoRAFolder?
  private let model: ModelFolder?
  private var known: [URL: LoRA] = [:]
  private let taught: TaughtAdapters?
  private let onWord: (WordUse) -> Void
  private var told: Set<URL> = []
  private lazy var fingerprint = model.flatMap { try? ModelFingerprint($0).hash }

  /// What is done about the word of a taught adapter in a prompt.
  package enum WordUse: Sendable, Equatable {
    case drawnWith(TaughtAdapters.Entry)
    /// Not used: it changes another model.
    case otherModel(TaughtAdapters.Entry)

    /// A line for people, with what draws without it, or teaches it anew.
    package func note(_ model: ModelFolder, without: String? = nil, anew: String? = nil) -> String {
      switch self {
      case .drawnWith(let entry):
        "\(listed([entry.record.word])): drawn with the LoRA \(entry.name)" + (without.map { " (\($0) draws without)" } ?? "")
      case .otherModel(let entry):
        "\(listed([entry.record.word])): the LoRA \(entry.name) was taught another model than \(model.name) and is not used"
          + (anew.map { "; \($0)" } ?? "")
      }
    }
  }

  /// - Parameters:
  ///   - folder: where prompts' adapters lie; nil: nowhere.
  ///   - model: that they have to fit.
  ///   - taught: those that are used where a prompt has their word; nil: none.
  ///   - onWord: is told of each of them once.
  package init(
    _ folder: LoRAFolder?, for model: ModelFolder?, taught: TaughtAdapters? = nil, onWord: @escaping (WordUse) -> Void = { _ in }
  ) {
    (self.folder, self.model, self.taught, self.onWord) = (folder, model, taught, onWord)
  }

  /// - Throws: `LoRAError`, `LoadError`.
  package func adapter(_ url: URL, scale: Float) throws -> LoRA {
    var adapter = try known[url] ?? LoRA(url)
    if known[url] == nil { try model?.check(adapter) }
    known[url] = adapter
    adapter.scale = scale
    return adapter
  }

  /// Takes the tags out of a request's prompt and puts their adapters into the request; so too those whose word it has.
  /// - Parameters:
  ///   - named: adapters that are there already, which stand for tags of their names.
  ///   - refused: is told of a tag that means nothing, or whose adapter is not there.
  package func takeAdapters(
    of request: inout GenerationRequest, but named: [LoRA] = [], refused: (LoRAUseError) throws -> Void = { throw $0 }
  ) throws {
    let (prompt, tags) = try LoRATags.taken(from: request.prompt, refused: refused)
    for tag in tags where !named.contains(where: { $0.name == tag.name }) {
      do {
        guard let folder else { throw LoRAUseError.noFolder(tag.name) }
        request.adapters.append(try adapter(folder.find(tag.name), scale: tag.scale))
      } catch let error as LoRAUseError {
        try refused(error)
      }
    }
    request.prompt = prompt
    try takeWords(of: &request, but: named)
    for word in Set((request.adapters + named + (model?.options.adapters ?? [])).compactMap(\.word)).sorted() {
      let prompt = request.prompt
      request.prompt = TaughtWord.withArticle(prompt, plain: WeightedPrompt.plain(prompt), for: word)
    }
  }

  /// A word stands for a tag of its adapter, unless that is used anyway.
  private func takeWords(of request: inout GenerationRequest, but named: [LoRA]) throws {
    for entry in taught?.named(in: WeightedPrompt.plain(request.prompt)) ?? [] {
      let fits = entry.record.baseHash == fingerprint
      if fits {
        let adapter = try adapter(entry.url, scale: 1)
        let used = request.adapters + named + (model?.options.adapters ?? [])
        guard !used.contains(where: { $0.hash == adapter.hash }) else { continue }
        request.adapters.append(adapter)
      }
      if told.insert(entry.url).inserted { onWord(fits ? .drawnWith(entry) : .otherModel(entry)) }
    }
  }
}

extension GenerationRequest {
  /// Takes every `<lora:name:0.8>` out of the prompt, and puts the adapter of that name into ``adapters``.
  /// - Parameter folder: where the adapters lie; a name is that of a file in it, with its ending or without.
  /// - Throws: a ``UserError``: there is none of that name, or it cannot be used.
  public mutating func takeAdapters(from folder: URL) throws {
    try LoRAShelf(LoRAFolder(folder.path), for: nil).takeAdapters(of: &self)
  }
}
