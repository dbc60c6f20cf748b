import Foundation
import DiTTestSupport
import Testing
import DiTText

/// What the golden ids (held by the verifier) do not cover: ends, limits, and bytes nobody means to type.
@Suite struct TokenizerTests {
  let tokenizer: SentencePieceTokenizer

  init() throws {
    tokenizer = try SentencePieceTokenizer(
      contentsOf: Fixtures.repository.appendingPathComponent("Tokenizer/spiece.model"))
  }

  @Test func emptyTextIsTheEndAlone() throws {
    for text in ["", "  \t "] {
      let ids = try tokenizer.encode(text)
      #expect(ids == [tokenizer.endID])
    }
  }

  @Test func longTextKeepsItsEnd() throws {
    let short = try SentencePieceTokenizer(
      contentsOf: Fixtures.repository.appendingPathComponent("Tokenizer/spiece.model"), maximumLength: 5)
    let text = "a red fox in the snow under a blue sky"
    let whole = try tokenizer.encode(text)
    #expect(whole.count > 5)
    let kept = try short.encode(text)
    #expect(kept == Array(whole.prefix(4)) + [short.endID])
  }

  @Test func anyBytesGiveKnownIDs() throws {
    var state: UInt64 = 7
    func random() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    for _ in 0..<2_000 {
      let bytes = (0..<Int(random() % 64)).map { _ in UInt8(truncatingIfNeeded: random()) }
      let ids = try tokenizer.pieces(of: bytes)
      #expect(ids.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) })
      #expect(ids.count <= bytes.count + 1)
    }
  }

  @Test func hundredThousandCharacters() throws {
    let two = try tokenizer.pieces(of: Array("red fox".utf8)).count
    let ids = try tokenizer.pieces(of: Array(String(repeating: "red fox ", count: 12_500).utf8))
    #expect(ids.count == 25_000 || ids.count == 12_500 * two)
  }

  @Test func damagedModelsAreRefusedInOneLine() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("spiece-\(UUID().uuidString).model")
    defer { try? FileManager.default.removeItem(at: url) }
    let whole = try Data(contentsOf: Fixtures.repository.appendingPathComponent("Tokenizer/spiece.model"))
    for data in [Data(), Data("not a model".utf8), whole.prefix(1_000), whole.prefix(whole.count - 7)] {
      try data.write(to: url)
      #expect {
        _ = try SentencePieceTokenizer(contentsOf: url)
      } throws: { error in
        "\(error)".contains(url.lastPathComponent) && !"\(error)".contains("\n") && !"\(error)".contains(".cc(")
      }
    }
    #expect(throws: TokenizerError.self) {
      _ = try SentencePieceTokenizer(contentsOf: URL(fileURLWithPath: "/nowhere/spiece.model"))
    }
  }
}
