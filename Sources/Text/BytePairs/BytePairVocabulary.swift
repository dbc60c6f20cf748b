import DiTCheckpoints
import Foundation

/// The pieces of CLIP's byte-level byte pair encoding and their merges, from any of the forms it is published in:
/// `vocab.json` with `merges.txt`, Hugging Face's `tokenizer.json`, OpenAI's `bpe_simple_vocab_16e6.txt.gz`.
struct BytePairVocabulary {
  /// By bytes: to Swift, strings that Unicode calls equivalent are equal.
  typealias Piece = TensorName

  private(set) var ids: [Piece: Int] = [:]
  private(set) var merges: [(left: Piece, right: Piece)] = []

  static let start = Piece("<|startoftext|>"), end = Piece("<|endoftext|>")
  /// Glued to the last character of a word.
  static let wordEnd = Piece("</w>")
  /// Of pieces and of merges; CLIP has a quarter of it.
  private static let most = 200_000
  /// Merges of CLIP; OpenAI's file has more that it does not use.
  private static let mergeCount = 49_152 - 256 - 2

  /// - Parameter url: any of the files.
  /// - Throws: ``TokenizerError``.
  init(contentsOf url: URL) throws {
    do {
      try read(url)
      guard ids[Self.start] != nil, ids[Self.end] != nil else { throw Unreadable("it has no <|startoftext|> and <|endoftext|>") }
      guard ids.values.allSatisfy({ $0 < 4_000_000 }) else { throw Unreadable("an id is beyond 4,000,000") }
    } catch let problem as Unreadable {
      throw TokenizerError.notBytePairs(path: url.path, reason: problem.reason)
    } catch let problem as Malformed {
      throw TokenizerError.notBytePairs(path: url.path, reason: problem.reason)
    }
  }

  /// What is not read, in words.
  struct Unreadable: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private mutating func read(_ url: URL) throws {
    let file = try mappedTokenizer(url)
    if let reason = standIn(file.bytes), !isGzip(file.bytes) { throw Unreadable(reason) }
    guard file.bytes.count <= largestTokenizerFile else { throw Unreadable("\(file.bytes.count) bytes are too many for one") }
    guard withExtendedLifetime(file, { beginsAsJSON(file.bytes) }) else { return try readMerges(url) }
    try readJSON(file)
    // A tokenizer.json has both.
    guard merges.isEmpty else { return }
    try addMerges(lines: unpacked(url.deletingLastPathComponent().appendingPathComponent("merges.txt")), limit: nil)
  }

  private mutating func readMerges(_ url: URL) throws {
    let lines = try unpacked(url)
    let vocabulary = url.deletingLastPathComponent().appendingPathComponent("vocab.json")
    guard url.lastPathComponent != "merges.txt" || !isThere(vocabulary) else {
      try readJSON(mappedTokenizer(vocabulary))
      return try addMerges(lines: lines, limit: nil)
    }
    try addMerges(lines: lines, limit: Self.mergeCount)
    let bytes = StandIns.order.map { StandIns.spellings[Int($0)] }
    let pieces = bytes.map(Piece.init(bytes:)) + bytes.map { Piece(bytes: $0) + Self.wordEnd } + merges.map { $0.left + $0.right }
    for (id, piece) in (pieces + [Self.start, Self.end]).enumerated() where ids[piece] == nil { ids[piece] = id }
  }

  // MARK: JSON

  /// `{"piece": id, …}`, or the object of Hugging Face's library.
  private mutating func readJSON(_ file: MappedFile) throws {
    var json = StrictJSON(file.bytes, lenient: true)
    defer { withExtendedLifetime(file) {} }
    try json.object { json, key in
      switch (json.first() ?? 0, key) {
      case (UInt8(ascii: "0")...UInt8(ascii: "9"), _): try add(key, json.unsigned())
      case (UInt8(ascii: "{"), "model"): try readModel(&json)
      case (UInt8(ascii: "["), "added_tokens"): try json.array { try addToken(&$0) }
      default: try json.skip()
      }
    }
  }

  private mutating func readModel(_ json: inout StrictJSON) throws {
    var type = "BPE", wordEnd = ""
    try json.object { json, key in
      switch key {
      case "type": type = String(decoding: try json.string(), as: UTF8.self)
      case "end_of_word_suffix" where json.first() == UInt8(ascii: "\""):
        wordEnd = String(decoding: try json.string(), as: UTF8.self)
      case "vocab" where json.first() == UInt8(ascii: "{"): try json.object { json, piece in try add(piece, json.unsigned()) }
      case "merges": try json.array { try addMerge(&$0) }
      default: try json.skip()
      }
    }
    guard type == "BPE" else { throw Unreadable("it is a \(type.prefix(40)) tokenizer") }
    guard wordEnd == "</w>" else { throw Unreadable("its words do not end in </w>: another model's tokenizer") }
  }

  /// "a b", or ["a", "b"].
  private mutating func addMerge(_ json: inout StrictJSON) throws {
    guard json.first() == UInt8(ascii: "[") else { return try addMerge(line: json.string()[...]) }
    var parts: [Piece] = []
    try json.array { parts.append(Piece(bytes: try $0.string())) }
    guard parts.count == 2 else { throw Unreadable("a merge of \(parts.count) pieces") }
    try add(parts[0], parts[1])
  }

  /// What could not stand in a line of merges.txt is no piece of a merge.
  private mutating func add(_ left: Piece, _ right: Piece) throws {
    for piece in [left, right]
    where piece.bytes.isEmpty || piece.bytes.contains(where: { $0 <= 0x20 })
      || String(validating: piece.bytes, as: UTF8.self) == nil
    {
      throw Unreadable("\(piece) is no piece to merge")
    }
    guard merges.count < Self.most else { throw Unreadable("it has more than \(Self.most) merges") }
    merges.append((left, right))
  }

  private mutating func addToken(_ json: inout StrictJSON) throws {
    var content: Piece?, id: Int?
    try json.object { json, key in
      switch key {
      case "content": content = Piece(bytes: try json.string())
      case "id": id = try json.unsigned()
      default: try json.skip()
      }
    }
    if let content, let id { try add(content, id) }
  }

  private mutating func add(_ piece: Piece, _ id: Int) throws {
    ids[piece] = id
    guard ids.count <= Self.most else { throw Unreadable("it has more than \(Self.most) pieces") }
  }

  // MARK: lines

  private mutating func addMerges(lines: [UInt8], limit: Int?) throws {
    let lines = lines.split(separator: UInt8(ascii: "\n"))
    // The first line names the version, in OpenAI's file behind a quotation mark and a name.
    let isHeader = lines.first.map { String(decoding: $0, as: UTF8.self).contains("#version") } ?? false
    for line in lines.dropFirst(isHeader ? 1 : 0).prefix(limit ?? .max) {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if !line.isEmpty { try addMerge(line: line) }
    }
    guard !merges.isEmpty else { throw Unreadable("it has no merges") }
  }

  private mutating func addMerge(line: ArraySlice<UInt8>) throws {
    let parts = line.split(separator: UInt8(ascii: " "))
    guard parts.count == 2 else {
      throw Unreadable("\(printable(String(decoding: line.prefix(60), as: UTF8.self))) is no merge of two pieces")
    }
    try add(Piece(bytes: parts[0]), Piece(bytes: parts[1]))
  }
}
