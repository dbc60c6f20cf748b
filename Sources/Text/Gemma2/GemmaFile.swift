import DiTCheckpoints

/// Gemma's tokenizer in the form of Hugging Face's `tokenizer.json`, to be made the model that SentencePiece reads: the same
/// ids, but that control tokens which are spelled out in a text (`<bos>`) stay spelled out.
struct GemmaFile {
  /// By bytes: to Swift, pieces that Unicode calls equivalent are equal.
  private typealias Piece = TensorName

  private var ids: [(piece: Piece, id: Int)] = []
  /// What merges make: the place of the first that makes it.
  private var ranks: [Piece: Int] = [:]
  /// Added tokens, and whether they stand for no text.
  private var added: [Piece: Bool] = [:]
  private var type = "", unknown: Piece = "<unk>", hasBytes = false
  private var start: Piece?
  private var marksSpaces = false

  /// Of pieces and of merges; Gemma has 256,000 and 580,000.
  private static let most = 4_000_000

  /// - Throws: ``UnreadableTokenizer``.
  init(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count <= largestTokenizerFile else { throw unreadable("\(bytes.count) bytes are too many for one") }
    do {
      var json = StrictJSON(bytes, lenient: true)
      try json.object { json, key in
        switch key {
        case "model": try readModel(&json)
        case "added_tokens": try json.array { try addToken(&$0) }
        case "normalizer" where json.first() == UInt8(ascii: "{"): try readNormaliser(&json)
        case "post_processor" where json.first() == UInt8(ascii: "{"): try readTemplate(&json)
        default: try json.skip()
        }
      }
    } catch let problem as Malformed {
      throw unreadable(problem.reason)
    }
    guard type == "BPE" else { throw unreadable("it is a \(type.prefix(40)) tokenizer") }
    guard hasBytes else { throw unreadable("it does not spell in bytes what is no piece") }
    guard marksSpaces else { throw unreadable("its normaliser does not make a space a ▁") }
    guard start != nil else { throw unreadable("its post-processor does not put one token before the text") }
  }

  private mutating func readModel(_ json: inout StrictJSON) throws {
    try json.object { json, key in
      switch (key, json.first()) {
      case ("type", _): type = String(decoding: try json.string(), as: UTF8.self)
      case ("unk_token", UInt8(ascii: "\"")): unknown = Piece(bytes: try json.string())
      case ("byte_fallback", _): if case .bool(let isSet) = try json.scalar() { hasBytes = isSet }
      case ("vocab", UInt8(ascii: "{")): try json.object { json, piece in ids.append((piece, try json.unsigned())) }
      case ("merges", _): try json.array { try addMerge(&$0) }
      default: try json.skip()
      }
    }
    guard ids.count <= Self.most, ranks.count <= Self.most else { throw unreadable("it has more than \(Self.most) pieces") }
  }

  /// ["a", "b"], or as before 2024 "a b".
  private mutating func addMerge(_ json: inout StrictJSON) throws {
    var piece: [UInt8] = []
    if json.first() == UInt8(ascii: "[") {
      try json.array { piece += try $0.string() }
    } else {
      piece = try json.string().filter { $0 != UInt8(ascii: " ") }
    }
    let made = Piece(bytes: piece)
    if ranks[made] == nil { ranks[made] = ranks.count }
  }

  private mutating func addToken(_ json: inout StrictJSON) throws {
    var content: Piece?, isSpecial = true
    try json.object { json, key in
      switch key {
      case "content": content = Piece(bytes: try json.string())
      case "special": if case .bool(let isSet) = try json.scalar() { isSpecial = isSet }
      default: try json.skip()
      }
    }
    if let content { added[content] = isSpecial }
  }

  /// {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
  private mutating func readNormaliser(_ json: inout StrictJSON) throws {
    var parts: [String] = []
    try json.object { json, key in
      if key == "pattern", json.first() == UInt8(ascii: "{") {
        try json.object { json, key in parts.append("\(key.string)=\(String(decoding: try json.string(), as: UTF8.self))") }
      } else if case .string(let text) = try json.scalar() {
        parts.append("\(key.string)=\(text)")
      }
    }
    marksSpaces = Set(parts) == ["type=Replace", "String= ", "content=▁"]
  }

  /// {"single": [{"SpecialToken": {"id": "<bos>", …}}, {"Sequence": …}], …}
  private mutating func readTemplate(_ json: inout StrictJSON) throws {
    var steps: [Piece?] = []
    try json.object { json, key in
      guard key == "single" else { return try json.skip() }
      try json.array { json in
        try json.object { json, kind in
          var id: Piece?
          try json.object { json, key in
            if key == "id" { id = Piece(bytes: try json.string()) } else { try json.skip() }
          }
          steps.append(kind == "SpecialToken" ? id : nil)
        }
      }
    }
    if steps.count == 2, steps[1] == nil { start = steps[0] }
  }

  // MARK: the model

  /// Of a piece, as the file numbers them.
  private enum Kind: Int {
    case normal = 1, unknown, control, userDefined, unused, byte
  }

  /// `ModelProto` of sentencepiece_model.proto.
  /// - Throws: ``UnreadableTokenizer``.
  func modelProto() throws -> [UInt8] {
    var proto = ProtoWriter()
    for piece in try pieces() {
      var entry = ProtoWriter()
      entry.add(1, piece.text.bytes)
      entry.add(2, piece.score)
      entry.add(3, piece.kind.rawValue)
      proto.add(1, entry.bytes)
    }
    var trainer = ProtoWriter()
    trainer.add(3, 2)  // BPE
    trainer.add(35, 1)  // bytes
    for (field, piece) in [(45, unknown), (46, start ?? "<bos>"), (47, "<eos>"), (48, "<pad>")] { trainer.add(field, piece.bytes) }
    proto.add(2, trainer.bytes)
    var normaliser = ProtoWriter()
    normaliser.add(1, Array("identity".utf8))
    normaliser.add(3, 0)  // nothing before the text
    normaliser.add(4, 0)  // spaces stay
    normaliser.add(5, 1)  // as U+2581
    proto.add(3, normaliser.bytes)
    return proto.bytes
  }

  /// Pieces by id. The earlier a merge, the higher its piece's score.
  private func pieces() throws -> [(text: Piece, score: Float, kind: Kind)] {
    let count = (ids.map(\.id).max() ?? -1) + 1
    guard 1...Self.most ~= count, count - ids.count <= mostUnusedIDs else {
      throw unreadable("its \(ids.count) pieces have the ids up to \(count - 1)")
    }
    var result = (0..<count).map { (text: Piece("<unused \($0)>"), score: Float(0), kind: Kind.unused) }
    for (text, id) in ids {
      guard result[id].kind == .unused else { throw unreadable("two pieces have the id \(id)") }
      let isByte = text.bytes.count == 6 && text.string.wholeMatch(of: /<0x[0-9A-F]{2}>/) != nil
      let kind: Kind = text == unknown ? .unknown : added[text].map { $0 ? .control : .userDefined } ?? (isByte ? .byte : .normal)
      result[id] = (text, kind == .normal ? -Float(ranks[text] ?? ranks.count) : 0, kind)
    }
    return result
  }
}

private func unreadable(_ reason: String) -> UnreadableTokenizer { UnreadableTokenizer(reason: reason, isUnigram: false) }
