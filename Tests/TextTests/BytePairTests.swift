import DiTCheckpoints
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// CLIP's tokenizer: the forms it is published in, and files that are none of them. Its ids are held by the goldens.
@Suite struct BytePairTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let small = Fixtures.url("uvit-t2i/b/tokenizer")
  static let whole = Fixtures.url("clip-tokenizer/bpe_simple_vocab_16e6.txt.gz")

  private func vocabulary() throws -> [String: JSONValue] {
    try readConfiguration(JSONValue.self, at: Self.small.appendingPathComponent("vocab.json")).object ?? [:]
  }

  private func merges() throws -> [String] {
    try String(contentsOf: Self.small.appendingPathComponent("merges.txt"), encoding: .utf8)
      .split(separator: "\n").dropFirst().map(String.init)
  }

  private func tokenizerJSON(inPairs: Bool, type: String = "BPE", wordEnd: String = "</w>") throws -> URL {
    let merges = try merges().map { line in
      inPairs ? JSONValue.array(line.split(separator: " ").map { .string(String($0)) }) : .string(line)
    }
    let special = ["<|startoftext|>", "<|endoftext|>"]
    let vocabulary = try vocabulary()
    let added = special.compactMap { name in
      vocabulary[name].map { JSONValue.object(["id": $0, "content": .string(name), "special": .bool(true)]) }
    }
    let model = JSONValue.object([
      "type": .string(type), "end_of_word_suffix": .string(wordEnd), "dropout": .null, "merges": .array(merges),
      "vocab": .object(vocabulary.filter { !special.contains($0.key) }),
    ])
    let url = folder.file("tokenizer.json")
    let fields = JSONValue.object(["version": .string("1.0"), "added_tokens": .array(added), "model": model])
    try JSONEncoder().encode(fields).write(to: url)
    return url
  }

  private static let texts = [
    "", "a red fox", "in the theatre", "I'll — DON'T 12 🦊 ή", "<|endoftext|> an <|startoftext|>", "a\u{301}\n\tb",
  ]

  private func ids(_ url: URL) throws -> [[Int]] {
    let tokenizer = try BytePairTokenizer(contentsOf: url, maximumLength: 20)
    return try Self.texts.flatMap { [try tokenizer.encode($0), try tokenizer.pieces(of: Array($0.utf8))] }
  }

  @Test func allFormsAreTheSame() throws {
    let expected = try ids(Self.small.appendingPathComponent("merges.txt"))
    #expect(expected[0].count == 20 && Set(expected[0]).count == 2)
    #expect(try ids(Self.small.appendingPathComponent("vocab.json")) == expected)
    for inPairs in [false, true] { #expect(try ids(tokenizerJSON(inPairs: inPairs)) == expected) }
    // Its ids follow from the merges alone.
    let lines = try ["\"bpe_simple_vocab_16e6.txt#version: 0.2 - Size: 49152.0"] + merges()
    try Data((lines.joined(separator: "\r\n") + "\n\n").utf8).write(to: folder.file("bpe_simple_vocab_16e6.txt"))
    #expect(try ids(folder.file("bpe_simple_vocab_16e6.txt")) == expected)
    // And as this program writes them.
    for (name, bytes) in try BytePairTokenizer.files(at: Self.small.appendingPathComponent("merges.txt")) {
      try FileManager.default.createDirectory(at: folder.file("written"), withIntermediateDirectories: true)
      try Data(bytes).write(to: folder.file("written/" + name))
    }
    #expect(try ids(folder.file("written/merges.txt")) == expected)
  }

  /// A number that two pieces have: every run spells and writes the same.
  @Test func piecesThatShareANumber() throws {
    var json = try String(contentsOf: Self.small.appendingPathComponent("vocab.json"), encoding: .utf8)
    let extra = (0..<40).map { "\"zz\($0)\":600" }.shuffled().joined(separator: ",")
    json.insert(contentsOf: extra + ",", at: json.index(after: json.startIndex))
    try Data(json.utf8).write(to: folder.file("vocab.json"))
    try FileManager.default.copyItem(at: Self.small.appendingPathComponent("merges.txt"), to: folder.file("merges.txt"))
    let written = try BytePairTokenizer.files(at: folder.file("vocab.json"))[0].bytes
    let order = String(decoding: written, as: UTF8.self).matches(of: /"zz(\d+)"/).map { String($0.1) }
    #expect(order == (0..<40).map(String.init).sorted())
    let tokenizer = try BytePairTokenizer(contentsOf: folder.file("vocab.json"), maximumLength: 77)
    #expect(tokenizer.spelling(600) == "zz0")
  }

  @Test func paddingIsWhatTheFolderSays() throws {
    for name in ["vocab.json", "merges.txt"] {
      try FileManager.default.copyItem(at: Self.small.appendingPathComponent(name), to: folder.file(name))
    }
    let file = folder.file("merges.txt")
    for (text, pad) in [
      (#"{}"#, nil), (#"{"pad_token": "!"}"#, 0), (#"{"pad_token": {"content": "!", "lstrip": false}}"#, 0),
    ] as [(String, Int?)] {
      try Data(text.utf8).write(to: folder.file("special_tokens_map.json"))
      let tokenizer = try BytePairTokenizer(contentsOf: file, maximumLength: 5)
      #expect(tokenizer.padID == pad ?? tokenizer.endID)
      #expect(try tokenizer.encode("a").suffix(2) == [tokenizer.padID, tokenizer.padID])
    }
    try Data(#"{"pad_token": "no such piece"}"#.utf8).write(to: folder.file("special_tokens_map.json"))
    #expect { _ = try BytePairTokenizer(contentsOf: file, maximumLength: 5) } throws: { "\($0)".contains("no such piece") }
  }

  @Test func longTextsAreCutAndQuick() throws {
    let tokenizer = try BytePairTokenizer(contentsOf: Self.whole, maximumLength: 77)
    let ids = try tokenizer.encode(String(repeating: "fox ", count: 200))
    #expect(ids.count == 77 && ids.first == 49_406 && ids.last == 49_407 && ids[75] == 3240)
    #expect(try tokenizer.dropped(pieces: tokenizer.pieces(of: Array(String(repeating: "fox ", count: 200).utf8)).count) == 125)
    // One word of fifty thousand letters, eight of which are one piece.
    #expect(try tokenizer.pieces(of: Array(repeating: UInt8(ascii: "a"), count: 50_000)).count == 6_251)
    #expect(try tokenizer.pieces(of: [0x61, 0xFF, 0x62]) == tokenizer.pieces(of: Array("a\u{FFFD}b".utf8)))
    #expect(tokenizer.piece(3240) == "fox\u{2581}" && tokenizer.unknownID == nil)
  }

  @Test func damageIsNamed() throws {
    func problem(_ contents: Data, _ name: String = "merges.txt") -> String {
      let url = folder.file(name)
      do {
        try contents.write(to: url)
        _ = try BytePairTokenizer(contentsOf: url, maximumLength: 77)
        return "none"
      } catch {
        return "\(error)"
      }
    }
    let packed = try Data(contentsOf: Self.whole)
    #expect(problem(packed.prefix(100_000)).contains("damaged or cut short"))
    #expect(problem(Data()).contains("empty"))
    #expect(problem(Data("#version: 0.2\n".utf8)).contains("no merges"))
    #expect(problem(Data("#version: 0.2\na b c\n".utf8)).contains("\"a b c\" is no merge"))
    #expect(problem(Data("#version: 0.2\nq zzz\n".utf8)).contains("\"zzz\""))
    #expect(problem(Data("{\"a\": -1}".utf8), "vocab.json") != "none")
    #expect(problem(Data("{\"a\": 1".utf8), "tokenizer.json").contains("bad JSON"))
    #expect(problem(Data("{\"a\": 4000000000}".utf8), "vocab.json").contains("no <|startoftext|>"))
    // Merges that a line of merges.txt could not hold, or not as text; and more of them than any model has.
    for (merge, what) in [("a b\u{1}", "\"b\\u{01}\""), ("a ", "is no merge"), ("a\tc b", "\\t")] {
      #expect(problem(Data("#version: 0.2\n\(merge)\n".utf8)).contains(what))
    }
    #expect(problem(Data("#version: 0.2\n".utf8 + [0x61, 0x20, 0xFF, 0x0A])).contains("is no piece to merge"))
    let pairs = #"{"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {}, "merges": [["a b", "c"]]}}"#
    #expect(problem(Data(pairs.utf8), "tokenizer.json").contains("\"a b\" is no piece"))
    let many = #"{"model": {"merges": ["# + String(repeating: #""a b","#, count: 200_000) + #""a b"]}}"#
    #expect(problem(Data(many.utf8), "tokenizer.json").contains("more than 200000 merges"))
    for (type, end, what) in [("Unigram", "</w>", "Unigram"), ("BPE", "", "</w>")] {
      let url = try tokenizerJSON(inPairs: false, type: type, wordEnd: end)
      #expect {
        _ = try BytePairTokenizer(contentsOf: url, maximumLength: 77)
      } throws: { "\($0)".contains(what) && "\($0)".contains("tokenizer.json") }
    }
    #expect {
      _ = try BytePairTokenizer(contentsOf: folder.file("nowhere.txt"), maximumLength: 77)
    } throws: { "\($0)".contains("no such file") }
  }
}
