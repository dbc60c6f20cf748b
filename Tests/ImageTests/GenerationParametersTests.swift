import DiTCharts
import DiTImage
import DiTTestSupport
import Testing

@Suite struct GenerationParametersTests {
  static let usual: [GenerationParameters.Field] = [
    .init("Steps", "25"), .init("Sampler", "DPM++ 2M"), .init("CFG scale", "3"), .init("Seed", "7"),
    .init("Size", "128x128"), .init("Model", "tiny"), .init("Class", "fox, red"), .init("Version", "dit-t2i 0.1"),
  ]

  @Test func looksAsTheWebUIWritesIt() {
    let parameters = GenerationParameters(prompt: "a fox\nin snow", negativePrompt: "blurry", fields: Self.usual)
    #expect(
      parameters.text == """
        a fox
        in snow
        Negative prompt: blurry
        Steps: 25, Sampler: DPM++ 2M, CFG scale: 3, Seed: 7, Size: 128x128, Model: tiny, Class: "fox, red", \
        Version: dit-t2i 0.1
        """)
    #expect(GenerationParameters(text: parameters.text) == parameters)
  }

  @Test func readsWhatTheWebUIWrote() {
    let parameters = GenerationParameters(
      text: """
        masterpiece, a castle (ruins:1.2), 
        second line
        Negative prompt: lowres, text
        worst quality
        Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 965400086, Size: 512x768, \
        Model hash: 6ce0161689, Lora hashes: "a: 1b, c: 2\\"d", Version: v1.9.3
        """)
    #expect(parameters.prompt == "masterpiece, a castle (ruins:1.2),\nsecond line")
    #expect(parameters.negativePrompt == "lowres, text\nworst quality")
    #expect(parameters.steps == 20)
    #expect(parameters.guidanceScale == 7)
    #expect(parameters.seed == 965_400_086)
    #expect(parameters.size.map { [$0.width, $0.height] } == [512, 768])
    #expect(parameters.sampler == "Euler a")
    #expect(parameters["Lora hashes"] == "a: 1b, c: 2\"d")
    #expect(parameters["Version"] == "v1.9.3")
    #expect(parameters.fields.count == 9)
  }

  @Test func setsAndRemovesFieldsInPlace() {
    var parameters = GenerationParameters(fields: Self.usual)
    parameters.seed = .max
    parameters.guidanceScale = 7.5
    parameters.size = (64, 32)
    parameters["Class"] = nil
    parameters["Hash"] = "x"
    #expect(
      parameters.text == "Steps: 25, Sampler: DPM++ 2M, CFG scale: 7.5, Seed: 18446744073709551615, Size: 64x32, "
        + "Model: tiny, Version: dit-t2i 0.1, Hash: x")
    parameters.guidanceScale = 4
    #expect(parameters["CFG scale"] == "4")
    #expect(parameters.seed == .max)
    #expect(GenerationParameters(fields: [.init("Size", "3x")]).size == nil)
  }

  static let pieces = [
    "a fox", "\n", "\r\n", "\r", " ", "\t", "Steps: 25, Sampler: x, CFG scale: 3", "Negative prompt:",
    "Negative prompt: ",
    "\"", "\\", ",", ":", ", ", "é", "e\u{301}", "\u{301}", "狐", "🦊", "\u{0}", "\u{1}", "\u{2028}", "\u{85}", "\\u0041",
    "Exact prompt: \"x\"", "Exact negative prompt: ", "aa: bb, cc: dd, ee: ff", "{\"a\": 1}", "",
  ]

  @Test func everythingComesBackExactly() {
    var generator = SeededGenerator(3)
    func text() -> String {
      (0..<Int.random(in: 0...5, using: &generator)).map { _ in Self.pieces.randomElement(using: &generator) ?? "" }
        .joined()
    }
    let keys = [
      "Steps", "Exact prompt", "Exact negative prompt", "Model hash", "a/b-c d", "Größe", "ab ", "Negative prompt",
    ]
    for _ in 0..<20_000 {
      let fields = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
        GenerationParameters.Field(keys.randomElement(using: &generator) ?? "", text())
      }
      let parameters = GenerationParameters(prompt: text(), negativePrompt: text(), fields: fields)
      let back = GenerationParameters(text: parameters.text)
      #expect(back == parameters, "\(parameters.text.debugDescription)")
      if back != parameters { return }
    }
  }

  @Test func plainPromptsStayPlain() {
    for prompt in ["a fox", "two lines\nof text", "ends in a colon:", "1: 2", "«quoted» \"text\""] {
      let parameters = GenerationParameters(prompt: prompt, negativePrompt: "x, y: z", fields: Self.usual)
      #expect(!parameters.text.contains("Exact"), "\(prompt)")
    }
  }

  @Test func oddKeysBecomeKeys() {
    let parameters = GenerationParameters(prompt: "p", fields: [.init("", "1"), .init("x", "2"), .init("a:b,c", "3")])
    #expect(
      GenerationParameters(text: parameters.text).fields == [.init("__", "1"), .init("x_", "2"), .init("a-b-c", "3")])
  }

  @Test func hostileTextParses() {
    var generator = SeededGenerator(4)
    let alphabet = Array("\"\\u:,\nDd8 aS-/0é\r{}".unicodeScalars)
    for length in 0..<3000 {
      var scalars = String.UnicodeScalarView()
      for _ in 0..<(length % 60) { scalars.append(alphabet.randomElement(using: &generator) ?? " ") }
      let parsed = GenerationParameters(text: String(scalars))
      #expect(GenerationParameters(text: parsed.text) == parsed)
    }
    for text in [
      "aa: \"\\", "aa: \"\\u", "aa: \"\\ud83d\\ude", "aa: \"\\ud83d\\u0041\"", "aa: \"\\ud83d\\ude00\"", "\"", ":",
    ] {
      _ = GenerationParameters(text: "p\nbb: 1, cc: 2, " + text)
    }
    let escaped = GenerationParameters(text: "bb: 1, cc: 2, aa: \"\\ud83d\\ude00\\u00e9\\ud83d\"")
    #expect(escaped["aa"] == "😀é\u{FFFD}")
  }

  @Test func aMegabyteTakesNoTime() {
    for piece in ["aa: \"x,", "a", "aa:", "\"", "a: ", ",", "\\\"", "Negative prompt:\n", "\n"] {
      let text = String(repeating: piece, count: 1_000_000 / piece.utf8.count)
      let duration = processorTime { _ = GenerationParameters(text: text) }
      #expect(duration < .seconds(10), "\(piece.debugDescription)")
    }
  }
}
