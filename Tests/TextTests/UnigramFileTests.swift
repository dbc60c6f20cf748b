import DiTCheckpoints
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// `tokenizer.json` in the place of `spiece.model`: the same ids for every text.
@Suite struct UnigramFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  // MARK: from one form to the other

  /// Fields of a protocol buffer: number, and an integer or bytes.
  private static func fields(_ bytes: ArraySlice<UInt8>) -> [(field: Int, number: UInt64, bytes: ArraySlice<UInt8>)] {
    var rest = bytes
    func varint() -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while let byte = rest.popFirst() {
        value |= UInt64(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      return value
    }
    var result: [(Int, UInt64, ArraySlice<UInt8>)] = []
    while !rest.isEmpty {
      let key = varint()
      switch key & 7 {
      case 0: result.append((Int(key >> 3), varint(), []))
      case 5:
        result.append((Int(key >> 3), 0, rest.prefix(4)))
        rest = rest.dropFirst(4)
      default:
        let count = Int(varint())
        result.append((Int(key >> 3), 0, rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
    }
    return result
  }

  /// What the Hugging Face libraries make of a `spiece.model`.
  /// - Parameter newer: as their later versions write it.
  private func tokenizerJSON(_ model: URL, newer: Bool) throws -> [String: JSONValue] {
    let parts = Self.fields(try SentencePieceTokenizer.model(at: model)[...])
    var vocabulary: [JSONValue] = []
    var special: [JSONValue] = []
    for piece in parts where piece.field == 1 {
      let inner = Self.fields(piece.bytes)
      let text = String(decoding: inner.first { $0.field == 1 }?.bytes ?? [], as: UTF8.self)
      let score = inner.first { $0.field == 2 }.map { field in
        Float(bitPattern: field.bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) })
      }
      if let kind = inner.first(where: { $0.field == 3 })?.number, kind > 1 {
        special.append(.object(["id": .number(Double(vocabulary.count)), "content": .string(text), "special": .bool(true)]))
      }
      vocabulary.append(.array([.string(text), .number(Double(score ?? 0))]))
    }
    for index in 0..<3 {
      special.append(.object([
        "id": .number(Double(vocabulary.count)), "content": .string("<extra_id_\(index)>"), "special": .bool(true),
      ]))
      vocabulary.append(.array([.string("<extra_id_\(index)>"), .number(0)]))
    }
    let normaliser = Self.fields(parts.first { $0.field == 3 }?.bytes ?? [])
    let map = Data(normaliser.first { $0.field == 2 }?.bytes ?? []).base64EncodedString()
    let precompiled = JSONValue.object(["type": .string("Precompiled"), "precompiled_charsmap": .string(map)])
    let spaces = JSONValue.object([
      "type": .string("Replace"), "pattern": .object(["Regex": .string(" {2,}")]), "content": .string("▁"),
    ])
    let strip = JSONValue.object(["type": .string("Strip"), "strip_left": .bool(false), "strip_right": .bool(true)])
    let metaspace = JSONValue.object(
      newer
        ? ["type": .string("Metaspace"), "replacement": .string("▁"), "prepend_scheme": .string("always"), "split": .bool(true)]
        : ["type": .string("Metaspace"), "replacement": .string("▁"), "add_prefix_space": .bool(true)])
    return [
      "version": .string("1.0"), "added_tokens": .array(special),
      "normalizer": newer
        ? .object(["type": .string("Sequence"), "normalizers": .array([precompiled, strip, spaces])]) : precompiled,
      "pre_tokenizer": newer
        ? metaspace
        : .object([
          "type": .string("Sequence"), "pretokenizers": .array([.object(["type": .string("WhitespaceSplit")]), metaspace]),
        ]),
      "post_processor": .object([
        "type": .string("TemplateProcessing"),
        "single": .array([
          .object(["Sequence": .object(["id": .string("A")])]), .object(["SpecialToken": .object(["id": .string("</s>")])]),
        ]),
      ]),
      "model": .object(["type": .string("Unigram"), "unk_id": .number(2), "vocab": .array(vocabulary)]),
    ]
  }

  private func write(_ fields: [String: JSONValue]) throws -> URL {
    let url = folder.file("tokenizer.json")
    try JSONEncoder().encode(JSONValue.object(fields)).write(to: url)
    return url
  }

  // MARK: tests

  @Test(arguments: [("t5", ".gz"), ("dit-t2i-8192", "")], [false, true])
  func sameIDs(_ file: (name: String, ending: String), newer: Bool) throws {
    let model = Fixtures.url("tokenizer/\(file.name).spiece.model\(file.ending)").resolvingSymlinksInPath()
    let json = try SentencePieceTokenizer(contentsOf: write(tokenizerJSON(model, newer: newer)))
    let original = try SentencePieceTokenizer(contentsOf: model)
    #expect(json.vocabularySize == original.vocabularySize + 3)
    #expect((json.padID, json.endID, json.unknownID) == (original.padID, original.endID, original.unknownID))
    let golden = try readConfiguration(JSONValue.self, at: Fixtures.url("tokenizer/\(file.name).json"))
    let texts = (golden["cases"]?.array ?? []).compactMap { $0["text"]?.string }
    #expect(texts.count > 100)
    let different = try texts.filter { try json.encode($0) != original.encode($0) }
    #expect(different.isEmpty, "\(different.prefix(3))")
    let malformed: [[UInt8]] = [[0xFF, 0x61], [0x61, 0xC3], [0xED, 0xA0, 0x80, 0x20]]
    for bytes in malformed {
      let (found, wanted) = (try json.pieces(of: bytes), try original.pieces(of: bytes))
      #expect(found == wanted)
    }
  }

  /// Tokens added by hand are found whole, special ones never; ids beyond the vocabulary are theirs.
  @Test func addedTokens() throws {
    var fields = try tokenizerJSON(Fixtures.url("tokenizer/dit-t2i-8192.spiece.model").resolvingSymlinksInPath(), newer: true)
    let count = try #require(fields["model"]?["vocab"]?.array?.count)
    var tokens = fields["added_tokens"]?.array ?? []
    tokens.append(.object(["id": .number(Double(count + 2)), "content": .string("zorgq"), "special": .bool(false)]))
    fields["added_tokens"] = .array(tokens)
    let tokenizer = try SentencePieceTokenizer(contentsOf: write(fields))
    #expect(tokenizer.vocabularySize == count + 3)
    let ids = try tokenizer.encode("a zorgq <extra_id_0>")
    #expect(ids.contains(count + 2) && !ids.contains(count - 3))
  }

  @Test(arguments: [
    ("model", #"{"type": "BPE", "vocab": {"a": 0}, "merges": []}"#, "a BPE tokenizer"),
    ("model", #"{"type": "WordPiece", "vocab": {}}"#, "a WordPiece tokenizer"),
    ("model", #"{"type": "Unigram", "vocab": [["a", 0]]}"#, "unk_id"),
    ("normalizer", #"{"type": "Lowercase"}"#, "\"Lowercase\" is not known"),
    ("normalizer", #"{"type": "Precompiled", "precompiled_charsmap": "?"}"#, "precompiled_charsmap"),
    ("pre_tokenizer", "null", "no Metaspace"), ("pre_tokenizer", #"{"type": "ByteLevel"}"#, "\"ByteLevel\" is not known"),
    ("post_processor", #"{"type": "ByteLevel"}"#, "post-processor"),
    ("added_tokens", #"[{"id": 3, "content": "x"}]"#, "has the id of"),
    ("added_tokens", #"[{"id": 2000000000, "content": "x"}]"#, "has the id 2000000000"),
  ])
  func othersAreRefused(_ field: String, _ value: String, _ what: String) throws {
    var fields = try tokenizerJSON(Fixtures.url("tokenizer/dit-t2i-8192.spiece.model").resolvingSymlinksInPath(), newer: true)
    fields[field] = try JSONDecoder().decode(JSONValue.self, from: Data(value.utf8))
    let url = try write(fields)
    #expect {
      _ = try SentencePieceTokenizer(contentsOf: url)
    } throws: { error in
      let line = "\(error)"
      return line.contains("tokenizer.json: ") && line.contains(what) && line.contains("spiece.model") && !line.contains("\n")
    }
  }

  /// With a mark of the byte order and a comment.
  @Test func editedFilesAreRead() throws {
    let model = Fixtures.url("tokenizer/dit-t2i-8192.spiece.model").resolvingSymlinksInPath()
    let url = try write(tokenizerJSON(model, newer: true))
    try (Data("\u{FEFF}// of T5\n".utf8) + Data(contentsOf: url)).write(to: url)
    let ids = try SentencePieceTokenizer(contentsOf: url).encode("a red fox")
    #expect(try ids == SentencePieceTokenizer(contentsOf: model).encode("a red fox"))
  }

  @Test func pointersAreNamed() throws {
    let url = folder.file("spiece.model")
    try Data("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 791656\n".utf8).write(to: url)
    #expect { _ = try SentencePieceTokenizer(contentsOf: url) } throws: { "\($0)".contains("a Git LFS pointer") }
  }

  /// A file of T5 that brings its tokenizer along, as ComfyUI's do.
  @Test func inTheWeights() throws {
    let model = Fixtures.url("tokenizer/dit-t2i-8192.spiece.model").resolvingSymlinksInPath()
    let bytes = Array(try Data(contentsOf: model))
    var writer = SafetensorsWriter(folder.file("t5.safetensors"))
    try writer.add("spiece_model", type: .u8, shape: [bytes.count]) { sink in try bytes.withUnsafeBytes(sink) }
    try writer.write()
    let found = try SentencePieceTokenizer(contentsOf: folder.file("t5.safetensors")).encode("a red fox")
    #expect(try found == SentencePieceTokenizer(contentsOf: model).encode("a red fox"))
  }
}
