import DiTCheckpoints
import Foundation

/// A Unigram tokenizer in the form of Hugging Face's `tokenizer.json`, to be made the model that SentencePiece reads: what
/// T5's `spiece.model` was made into, and the same ids.
struct UnigramFile: Decodable {
  private let model: Model
  private let normalizer: JSONValue?
  private let preTokenizer: JSONValue?
  private let postProcessor: JSONValue?
  private let addedTokens: [AddedToken]?

  enum CodingKeys: String, CodingKey {
    case model, normalizer, preTokenizer = "pre_tokenizer", postProcessor = "post_processor", addedTokens = "added_tokens"
  }

  private struct AddedToken: Decodable {
    let id: Int
    let content: String
    let special: Bool?
  }

  private struct Model: Decodable {
    let type: String
    let pieces: [(text: String, score: Float)]
    let unknown: Int?
    let hasBytes: Bool

    enum CodingKeys: String, CodingKey { case type, vocab, unknown = "unk_id", hasBytes = "byte_fallback" }

    init(from decoder: Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      type = try values.decodeIfPresent(String.self, forKey: .type) ?? "Unigram"
      unknown = try values.decodeIfPresent(Int.self, forKey: .unknown)
      hasBytes = try values.decodeIfPresent(Bool.self, forKey: .hasBytes) ?? false
      var pieces: [(String, Float)] = []
      if type == "Unigram" {  // others have an object here
        var list = try values.nestedUnkeyedContainer(forKey: .vocab)
        while !list.isAtEnd {
          var piece = try list.nestedUnkeyedContainer()
          pieces.append((try piece.decode(String.self), Float(try piece.decode(Double.self))))
        }
      }
      self.pieces = pieces
    }
  }

  // MARK: the model

  /// `ModelProto` of sentencepiece_model.proto.
  /// - Throws: ``UnreadableTokenizer``.
  func modelProto() throws -> [UInt8] {
    guard model.type == "Unigram" else { throw unreadable("it is a \(model.type.prefix(40)) tokenizer") }
    guard let unknown = model.unknown, model.pieces.indices.contains(unknown) else {
      throw unreadable("it has no piece for what is unknown (unk_id)")
    }
    guard model.pieces.allSatisfy(\.score.isFinite) else { throw unreadable("a score is not finite") }
    let spaces = try Spaces(normalizer, preTokenizer)
    let end = try endPiece()
    var proto = ProtoWriter()
    for piece in try pieces(unknown: unknown, end: end) {
      var entry = ProtoWriter()
      entry.add(1, Array(piece.text.utf8))
      entry.add(2, piece.score)
      entry.add(3, piece.kind.rawValue)
      proto.add(1, entry.bytes)
    }
    var trainer = ProtoWriter()
    trainer.add(3, 1)  // Unigram
    trainer.add(35, model.hasBytes ? 1 : 0)
    trainer.add(45, Array(model.pieces[unknown].text.utf8))
    trainer.add(47, Array(end.utf8))
    proto.add(2, trainer.bytes)
    var normaliser = ProtoWriter()
    normaliser.add(1, Array("tokenizer.json".utf8))
    normaliser.add(2, spaces.charsmap)
    normaliser.add(3, spaces.addsPrefix ? 1 : 0)
    normaliser.add(4, spaces.collapses ? 1 : 0)
    normaliser.add(5, 1)  // a space is U+2581
    proto.add(3, normaliser.bytes)
    return proto.bytes
  }

  /// Of a piece, as the file numbers them.
  private enum Kind: Int {
    case normal = 1, unknown, control, userDefined, unused, byte
  }

  /// Pieces by id, added ones among them. Special ones stand for no text, as in `spiece.model`.
  private func pieces(unknown: Int, end: String) throws -> [(text: String, score: Float, kind: Kind)] {
    var result = model.pieces.enumerated().map { id, piece in
      let isByte = model.hasBytes && piece.text.wholeMatch(of: /<0x[0-9A-F]{2}>/) != nil
      let kind: Kind = id == unknown ? .unknown : [end, "<pad>"].contains(piece.text) ? .control : isByte ? .byte : .normal
      return (piece.text, piece.score, kind)
    }
    for token in (addedTokens ?? []).sorted(by: { $0.id < $1.id }) where token.id != unknown {
      guard token.id >= 0, token.id < model.pieces.count + mostUnusedIDs else {
        throw unreadable("an added token has the id \(token.id)")
      }
      while result.count <= token.id { result.append(("<unused \(result.count)>", 0, .unused)) }
      guard result[token.id].2 == .unused || Array(result[token.id].0.utf8) == Array(token.content.utf8) else {
        throw unreadable("the added token \(printable(token.content)) has the id of \(printable(result[token.id].0))")
      }
      result[token.id] = (token.content, result[token.id].1, token.special ?? true ? .control : .userDefined)
    }
    return result
  }

  /// The piece that ends every text: what the template puts after it, `</s>` where there is none.
  private func endPiece() throws -> String {
    guard let postProcessor, postProcessor != .null else { return "</s>" }
    let parts = postProcessor["single"]?.array ?? []
    guard postProcessor["type"]?.string == "TemplateProcessing", parts.count == 2, parts[0]["Sequence"] != nil,
      let end = parts[1]["SpecialToken"]?["id"]?.string
    else { throw unreadable("its post-processor does not put one token after the text") }
    return end
  }

  /// What becomes of white space, and the table of characters.
  private struct Spaces {
    private(set) var charsmap: [UInt8] = []
    private(set) var addsPrefix = false
    /// Spaces at both ends go, several become one.
    private(set) var collapses = false
    private var isMarked = false

    init(_ normalizer: JSONValue?, _ preTokenizer: JSONValue?) throws {
      for step in Spaces.steps(normalizer, "normalizers") { try normalise(step) }
      for step in Spaces.steps(preTokenizer, "pretokenizers") { try split(step) }
      guard isMarked else { throw unreadable("it does not mark spaces (no Metaspace)") }
    }

    private static func steps(_ value: JSONValue?, _ list: String) -> [JSONValue] {
      guard let value, value != .null else { return [] }
      guard value["type"]?.string == "Sequence" else { return [value] }
      return (value[list]?.array ?? []).flatMap { steps($0, list) }
    }

    private mutating func normalise(_ step: JSONValue) throws {
      let pattern = step["pattern"].flatMap { $0["String"] ?? $0["Regex"] }?.string
      switch (step["type"]?.string, pattern, step["content"]?.string) {
      case ("Precompiled", _, _):
        guard let text = step["precompiled_charsmap"]?.string, let map = Data(base64Encoded: text), charsmap.isEmpty else {
          throw unreadable("its table of characters (precompiled_charsmap) is not understood")
        }
        charsmap = Array(map)
      case ("Strip", _, _): break  // SentencePiece does it with the doubled ones
      case ("Replace", " {2,}", "▁"), ("Replace", " {2,}", " "): collapses = true
      case ("Replace", " ", "▁"): isMarked = true
      case ("Prepend", _, _) where step["prepend"]?.string == "▁": addsPrefix = true
      case (let name, _, _): throw unreadable("its normaliser \(printable(name ?? "")) is not known here")
      }
    }

    private mutating func split(_ step: JSONValue) throws {
      switch step["type"]?.string {
      case "WhitespaceSplit": collapses = true
      case "Metaspace" where step["replacement"]?.string ?? "▁" == "▁":
        isMarked = true
        let scheme = step["prepend_scheme"]?.string ?? (step["add_prefix_space"]?.bool ?? true ? "always" : "never")
        addsPrefix = addsPrefix || scheme != "never"
      case let name: throw unreadable("its pre-tokenizer \(printable(name ?? "")) is not known here")
      }
    }
  }
}

private func unreadable(_ reason: String) -> UnreadableTokenizer { UnreadableTokenizer(reason: reason, isUnigram: true) }
