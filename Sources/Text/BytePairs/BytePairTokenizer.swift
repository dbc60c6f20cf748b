import DiTCheckpoints
import Foundation

/// CLIP's tokenizer: byte pairs of lower-case words, of which every text has a spelling.
///
/// What a model reads is always of one length: start token, text, end token, and padding, whose states it reads too.
package struct BytePairTokenizer: TextTokenizer {
  package static let fileNames = [
    "merges.txt", "tokenizer.json", "bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt", "vocab.json",
  ]

  package let vocabularySize: Int
  package let startID, endID, padID: Int
  package let maximumLength: Int
  package var unknownID: Int? { nil }
  package var startCount: Int { 1 }

  private let merges: BytePairMerges
  /// Of each byte: its id within a word, and at its end.
  private let byteIDs, lastByteIDs: [Int]
  private let pieces: [Int: BytePairVocabulary.Piece]

  /// - Parameters:
  ///   - url: any of the files that hold CLIP's vocabulary; what it is padded with, its folder says.
  ///   - maximumLength: the length of what ``encode(_:)`` gives, at least 2.
  /// - Throws: ``TokenizerError``, or a configuration's error.
  package init(contentsOf url: URL, maximumLength: Int) throws {
    let vocabulary = try BytePairVocabulary(contentsOf: url)
    func id(_ piece: BytePairVocabulary.Piece) throws -> Int {
      guard let id = vocabulary.ids[piece] else {
        throw TokenizerError.notBytePairs(path: url.path, reason: "it has no piece \(printable(piece.string))")
      }
      return id
    }
    vocabularySize = (vocabulary.ids.values.max() ?? 0) + 1
    (startID, endID) = (try id(BytePairVocabulary.start), try id(BytePairVocabulary.end))
    padID = try Self.padding(beside: url).map { try id(BytePairVocabulary.Piece($0)) } ?? endID
    self.maximumLength = max(2, maximumLength)
    let bytes = StandIns.spellings.map(BytePairVocabulary.Piece.init(bytes:))
    byteIDs = try bytes.map(id)
    lastByteIDs = try bytes.map { try id($0 + BytePairVocabulary.wordEnd) }
    var merges = BytePairMerges()
    for (left, right) in vocabulary.merges { merges.add(try id(left), try id(right), to: try id(left + right)) }
    self.merges = merges
    pieces = Dictionary(vocabulary.ids.map { ($1, $0) }, uniquingKeysWith: min)
  }

  package func encode(_ text: String) throws -> [Int] {
    let ids = try [startID] + pieces(of: Array(text.utf8)).prefix(maximumLength - 2) + [endID]
    return ids + Array(repeating: padID, count: maximumLength - ids.count)
  }

  package func pieces(of utf8: [UInt8]) throws -> [Int] {
    var ids: [Int] = []
    var rest = utf8[...]
    while !rest.isEmpty {
      let special = nextSpecial(rest)
      let text = String(decoding: special.map { rest[..<$0.start] } ?? rest, as: UTF8.self)
      for word in CLIPWords.words(text) {
        ids += merges.merged(word.dropLast().map { byteIDs[Int($0)] } + word.suffix(1).map { lastByteIDs[Int($0)] })
      }
      guard let special else { break }
      ids.append(special.id)
      rest = rest[special.end...]
    }
    return ids
  }

  /// The first start or end token that is spelled out in a text.
  private func nextSpecial(_ text: ArraySlice<UInt8>) -> (start: Int, end: Int, id: Int)? {
    var from = text.startIndex
    while let start = text[from...].firstIndex(of: UInt8(ascii: "<")) {
      for (piece, id) in [(BytePairVocabulary.start, startID), (BytePairVocabulary.end, endID)]
      where text[start...].starts(with: piece.bytes) {
        return (start, start + piece.bytes.count, id)
      }
      from = start + 1
    }
    return nil
  }

  /// The end of a word is a space behind it.
  package func piece(_ id: Int) -> String {
    let text = spelling(id)
    guard text.hasSuffix("</w>") else { return String(decoding: StandIns.bytes(text), as: UTF8.self) }
    return String(decoding: StandIns.bytes(String(text.dropLast(4))), as: UTF8.self) + "\u{2581}"
  }

  /// As the vocabulary spells a piece.
  package func spelling(_ id: Int) -> String { pieces[id]?.string ?? "" }

  // MARK: files

  /// The padding token by the tokenizer's folder; nil: the end token.
  private static func padding(beside url: URL) throws -> String? {
    for name in ["special_tokens_map.json", "tokenizer_config.json"] {
      let file = url.deletingLastPathComponent().appendingPathComponent(name)
      guard isThere(file), let token = try readConfiguration(JSONValue.self, at: file)["pad_token"] else { continue }
      if let text = token.string ?? token["content"]?.string { return text }
    }
    return nil
  }

  package static func files(at url: URL) throws -> [(name: String, bytes: [UInt8])] {
    let vocabulary = try BytePairVocabulary(contentsOf: url)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes]
    let pieces = try vocabulary.ids.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
      .map { String(decoding: try encoder.encode($0.key.string), as: UTF8.self) + ":\($0.value)" }
    let lines = ["#version: 0.2"] + vocabulary.merges.map { $0.left.string + " " + $0.right.string }
    let padding = try Self.padding(beside: url) ?? BytePairVocabulary.end.string
    let map = JSONValue.object([
      "bos_token": .string(BytePairVocabulary.start.string), "eos_token": .string(BytePairVocabulary.end.string),
      "unk_token": .string(BytePairVocabulary.end.string), "pad_token": .string(padding),
    ])
    encoder.outputFormatting.formUnion([.prettyPrinted, .sortedKeys])
    return [
      ("vocab.json", Array("{\(pieces.joined(separator: ","))}\n".utf8)),
      ("merges.txt", Array((lines.joined(separator: "\n") + "\n").utf8)),
      ("special_tokens_map.json", Array(try encoder.encode(map))),
    ]
  }
}
