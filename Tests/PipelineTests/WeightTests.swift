import DiTModels
import DiTTextToImage
import Testing

@Suite struct WeightTests {
  @Test func marksAreRead() throws {
    let prompt = try WeightedPrompt("a (red:1.3) fox in [deep snow: 0.5]")
    #expect(prompt.spans.map(\.text) == ["a ", "red", " fox in ", "deep snow"])
    #expect(prompt.spans.map(\.weight) == [1, 1.3, 1, 0.5])
    #expect(prompt.text == "a red fox in deep snow")
  }

  @Test(arguments: [
    "a red fox", "a cat (asleep)", "[note] a cat", "a ratio 3:4 (wide", "at (12:30 pm) sharp", "()", "a:1.3)", "é\u{301}(",
  ])
  func ordinaryBracketsAreWords(_ text: String) throws {
    let prompt = try WeightedPrompt(text)
    #expect(prompt.isPlain)
    #expect(Array(prompt.text.unicodeScalars) == Array(text.unicodeScalars))
  }

  @Test func backslashesMakeBracketsPlain() throws {
    #expect(try WeightedPrompt(#"a \(red:1.3\) fox"#).text == "a (red:1.3) fox")
    #expect(try WeightedPrompt(#"a \(red:1.3\) fox"#).isPlain)
    #expect(try WeightedPrompt(#"C:\dir"#).text == #"C:\dir"#)
    #expect(try WeightedPrompt(#"(a \) b:2)"#).text == "a ) b")
  }

  @Test func nestedAndWildWeightsAreRefused() {
    #expect(throws: WeightError.self) { try WeightedPrompt("(a (red:1.3) fox:0.5)") }
    #expect(throws: WeightError.self) { try WeightedPrompt("(red:3.1)") }
    #expect(throws: WeightError.self) { try WeightedPrompt("(red:-1)") }
    #expect(throws: WeightError.self) { try WeightedPrompt("(red:nan)") }
  }

  /// Weights change the picture; a weight of 1 is no weight, to the byte, also beside weighted pictures of a batch.
  @Test func weightsChangePictures() throws {
    let model = try MicroModel.model()
    let plain = try MicroModel.request("a red fox in snow")
    let one = try MicroModel.request("a (red:1) fox in [snow:1]")
    let more = try MicroModel.request("a (red:2) fox in snow")
    let drawn = try [plain, one, more].map { try model.draw([$0])[0].picture }
    #expect(drawn[0] == drawn[1])
    #expect(drawn[0] != drawn[2])
    let together = try model.draw([plain, more])
    #expect(together.map(\.picture) == [drawn[0], drawn[2]])
  }
}
