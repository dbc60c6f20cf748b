import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTText
import Foundation
import Testing

/// Gemma's tokenizer; its goldens are in the verifier's tests.
@Suite struct GemmaTokenizerTests {
  static let model = Fixtures.url("gemma-tokenizer/tokenizer.model")
  static let json = Fixtures.url("gemma-tokenizer/tokenizer.json")
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func startTokenAndLength() throws {
    let tokenizer = try GemmaTokenizer(contentsOf: Self.model, maximumLength: 5)
    #expect(try tokenizer.encode("") == [2])
    let ids = try tokenizer.encode("two green apples on a white background")
    #expect(ids.count == 5 && ids.first == 2 && tokenizer.startCount == 1 && tokenizer.endCount == 0)
    #expect(tokenizer.dropped(pieces: 5) == 1 && tokenizer.dropped(pieces: 4) == 0)
    #expect(try GemmaTokenizer(contentsOf: Self.model, maximumLength: 0).encode("a fox") == [2])
    #expect(tokenizer.piece(13) == "▁▁" && tokenizer.piece(-1) == "" && tokenizer.piece(4_000_000) == "")
  }

  /// The end of the instruction is the beginning of the first word; without one it stands alone.
  @Test func afterAnInstruction() throws {
    let tokenizer = try GemmaTokenizer(contentsOf: Self.model, maximumLength: 4)
    let text = try tokenizer.encode("a red fox in snow", after: "Prompt: ")
    #expect(text.ids == [2, 282, 674, 553] && text.instruction.first == 2)
    let all = try GemmaTokenizer(contentsOf: Self.model, maximumLength: 99).encode("Prompt: a red fox in snow")
    #expect(text.instruction + text.ids.dropFirst() == Array(all.prefix(text.instruction.count + 3)))
    #expect(try tokenizer.encode("", after: "Prompt: ").ids == [2, 975])
    #expect(try tokenizer.encode("a", after: "").instruction == [2])
  }

  /// Pieces of other bytes that Unicode calls the same are not the same.
  @Test func equivalentPiecesOfJSON() throws {
    let text = try String(contentsOf: Self.json, encoding: .utf8)
    var both = text
    for (old, new) in [("<unused0>", "\u{177}"), ("<unused1>", "y\u{302}")] {
      both = both.replacing("\"\(old)\"", with: "\"\(new)\"")
    }
    try Data(both.utf8).write(to: folder.file("tokenizer.json"))
    let tokenizer = try GemmaTokenizer(contentsOf: folder.file("tokenizer.json"), maximumLength: 9)
    #expect(try tokenizer.encode("\u{177}") == [2, 5] && tokenizer.encode("y\u{302}") == [2, 6])
  }

  /// ComfyUI's encoders bring their model along.
  @Test func modelInACheckpoint() throws {
    let bytes = try Data(contentsOf: Self.model)
    var writer = SafetensorsWriter(folder.file("gemma.safetensors"))
    try writer.add("spiece_model", type: .u8, shape: [bytes.count], bytes: bytes)
    try writer.write()
    let tokenizer = try GemmaTokenizer(contentsOf: folder.file("gemma.safetensors"), maximumLength: 9)
    #expect(try tokenizer.encode("a fox") == GemmaTokenizer(contentsOf: Self.json, maximumLength: 9).encode("a fox"))
    #expect(try GemmaTokenizer.files(at: folder.file("gemma.safetensors")).map(\.name) == ["tokenizer.model"])
  }

  @Test(arguments: [
    ("\"type\":\"BPE\"", "\"type\":\"WordPiece\"", "WordPiece tokenizer"),
    ("\"byte_fallback\":true", "\"byte_fallback\":false", "bytes"),
    ("\"type\":\"Replace\"", "\"type\":\"NFC\"", "space"),
    ("{\"SpecialToken\":{\"id\":\"<bos>\",\"type_id\":0}},", "", "before the text"),
    ("\"<unused0>\":5", "\"<unused0>\":6", "id 6"), ("\"<unused0>\":5", "\"<unused0>\":9000000000", "ids up to"),
    // Far more ids than pieces: a file of some kilobytes took minutes and gigabytes.
    ("\"<unused0>\":5", "\"<unused0>\":3999999", "ids up to 3999999"),
    ("\"<unused0>\":5", "\"<unused0>\":-5", "whole number"), ("\"model\":{", "\"model\":[", "tokenizer.json"),
    ("\"<eos>\":1", "\"<end>\":1", ""),
  ])
  func otherJSON(_ old: String, _ new: String, _ message: String) throws {
    let text = try String(contentsOf: Self.json, encoding: .utf8)
    let changed = text.replacing(old, with: new)
    #expect(changed != text, "\(old)")
    try Data(changed.utf8).write(to: folder.file("tokenizer.json"))
    guard !message.isEmpty else {  // what does not count for a prompt
      _ = try GemmaTokenizer(contentsOf: folder.file("tokenizer.json"), maximumLength: 9)
      return
    }
    #expect { _ = try GemmaTokenizer(contentsOf: folder.file("tokenizer.json"), maximumLength: 9) } throws: {
      let line = "\($0)"
      return line.contains("tokenizer.json") && line.contains(message) && !line.contains("\n")
    }
  }

  @Test func otherFiles() throws {
    let good = try Data(contentsOf: Self.model)
    for (bytes, message) in [
      (Data("version https://git-lfs.github.com/spec/v1\n".utf8), "tokenizer.model"), (Data(), "tokenizer.model"),
      (good.prefix(good.count / 2), "not a SentencePiece model"), (Data([0xFF, 0xFF, 0xFF]), "not a SentencePiece model"),
    ] {
      try bytes.write(to: folder.file("tokenizer.model"))
      #expect { _ = try GemmaTokenizer(contentsOf: folder.file("tokenizer.model"), maximumLength: 9) } throws: {
        "\($0)".contains(message) && !"\($0)".contains("\n")
      }
    }
    let t5 = Fixtures.repository.appendingPathComponent("Tokenizer/spiece.model")
    #expect { _ = try GemmaTokenizer(contentsOf: t5, maximumLength: 9) } throws: { "\($0)".contains("begin-of-sentence") }
  }
}
