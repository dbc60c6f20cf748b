import DiTModels
import DiTTestSupport
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
    "a clock at (3:00)", "a picture (3:2)", "(16:9)", "(see you at 12:30)", "[a:b)", "(a]:2",
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

  /// A bracket that says no weight, or is never closed, is a word wherever it stands.
  @Test(arguments: [
    ("a fox (with a (red:1.2) scarf)", "a fox (with a red scarf)", "red"),
    ("sad :( and a (red:1.2) fox", "sad :( and a red fox", "red"),
    ("[note: a (red:1.2) fox]", "[note: a red fox]", "red"), ("(((fluffy:1.2)))", "((fluffy))", "fluffy"),
    ("(a [b:1.2)", "a [b", "a [b"), ("[a ) b:1.2]", "a ) b", "a ) b"), ("(🦊:1.2)", "🦊", "🦊"),
  ])
  func plainBracketsMayHoldWeights(_ text: String, words: String, weighted: String) throws {
    let prompt = try WeightedPrompt(text)
    #expect(prompt.text == words)
    #expect(prompt.spans.filter { $0.weight == 1.2 }.map(\.text) == [weighted])
  }

  /// Each of these once took time that doubled with every bracket, or a stack frame for each.
  @Test(arguments: ["(", "[", "(a [b ", "((a:1.1", "(a:1.1)", "\\(", "[(:", "(1:", ")", "<lora:"])
  func longPromptsAreReadInNoTime(_ piece: String) throws {
    let text = String(repeating: piece, count: 60_000)
    let time = try processorTime {
      let prompt = try WeightedPrompt(text)
      #expect(prompt.text.count > 60_000 - 1)
      _ = ForeignSyntax.notes(text)
    }
    #expect(time < .seconds(20))  // doubling would take longer than the universe has
  }

  @Test func syntaxOfOtherProgramsIsNamed() {
    #expect(ForeignSyntax.notes("a ((red)) fox").first?.contains("((red))") == true)
    #expect(ForeignSyntax.notes("a [red] fox").first?.contains("[red]") == true)
    #expect(ForeignSyntax.notes("a [cat:dog:0.5]").first?.contains("[cat:dog:0.5]") == true)
    #expect(ForeignSyntax.notes("a fox <lora:pixel:0.8>").first?.contains("<lora:pixel:0.8>") == true)
    #expect(ForeignSyntax.notes(#"a (red:1.2) fox (asleep) in [snow:0.5], \[plain\]"#).isEmpty)
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
    var negative = plain
    negative.negativePrompt = "blue car"
    let unweighted = try model.draw([negative])[0].picture
    negative.negativePrompt = "blue (car:2)"
    #expect(try model.draw([negative])[0].picture != unweighted)
    let together = try model.draw([plain, more])
    #expect(together.map(\.picture) == [drawn[0], drawn[2]])
  }
}
