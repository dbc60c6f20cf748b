import DiTBatch
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Testing

@Suite struct PromptTemplateTests {
  @Test(arguments: [
    ("a fox", ["a fox"]),
    ("a {red,blue} {fox,owl}", ["a red fox", "a red owl", "a blue fox", "a blue owl"]),
    ("a {,big} fox", ["a fox", "a big fox"]),
    ("{a {red,blue} fox,an owl}", ["a red fox", "a blue fox", "an owl"]),
    ("{1..3} foxes", ["1 foxes", "2 foxes", "3 foxes"]),
    ("{3..1}", ["3", "2", "1"]),
    (#"\{a,b\} {c\,d,e} \\ \x"#, [#"{a,b} c,d \ \x"#, #"{a,b} e \ \x"#]),
    ("a {fox} x", ["a fox x"]),
    ("a, b {c, d }", ["a, b c", "a, b d"]),
    ("{a,b}{c,d}", ["ac", "ad", "bc", "bd"]),
  ])
  func expands(_ template: String, _ prompts: [String]) throws {
    #expect(try PromptTemplate(template).prompts == prompts)
  }

  @Test(arguments: ["a {fox", "a fox}", "{a,{b}", "{1..100}{1..100}", "{1..99999}", String(repeating: "{", count: 40)])
  func refuses(_ template: String) {
    #expect(throws: BatchError.self) { try PromptTemplate(template) }
  }

  /// Counted before anything is made: neither time nor memory goes into what is refused.
  @Test(arguments: [
    "{1..100000000}", "{1..99999999999999999999999}", "{1..4096}{1..4096}", "{{1..4096}{1..4096}}",
    String(repeating: "{a,b}", count: 20), "x{" + String(repeating: "{a,b}", count: 40) + "}",
    "{-9223372036854775808..9223372036854775807}",
  ])
  func refusesWhatStandsForTooMany(_ template: String) {
    let error = #expect(throws: BatchError.self) { try PromptTemplate(template) }
    #expect(error?.description.contains("4096") == true)
  }

  @Test func oneChoiceIsPlainText() throws {
    let many = try PromptTemplate(String(repeating: "{a}", count: 20_000))
    #expect(many.axes.isEmpty && many.matrix.rows == [[String(repeating: "a", count: 20_000)]])
    #expect(try PromptTemplate("{fox}").matrix.columnLabels.isEmpty)
    #expect(throws: BatchError.self) { try PromptTemplate("{1..4096}" + String(repeating: "x", count: 100_000)) }
    #expect(throws: BatchError.self) { try PromptTemplate(String(repeating: "{", count: 3_000)) }
  }

  /// Few choices, but long ones or many: what would take minutes and gigabytes is refused at once.
  @Test(arguments: [
    "{{1..4096}" + String(repeating: "{a}", count: 500) + String(repeating: "x", count: 20_000) + "}",
    "{1..4096}" + String(repeating: "x", count: 60_000), "{{1..4096}" + String(repeating: "x", count: 60_000) + "}",
    "{{1..4096}{1..4096},a}",
  ])
  func refusesWhatGrows(_ template: String) {
    #expect(processorTime { #expect(throws: BatchError.self) { try PromptTemplate(template) } } < .seconds(5))
  }

  @Test func twoAxesAreRowsAndColumns() throws {
    let matrix = try PromptTemplate("a {red,blue,green} {fox,owl}").matrix
    #expect(matrix.rowLabels == ["red", "blue", "green"])
    #expect(matrix.columnLabels == ["fox", "owl"])
    #expect(matrix.rows[2] == ["a green fox", "a green owl"])
  }

  @Test func moreAxesFoldTowardsASquare() throws {
    let matrix = try PromptTemplate("a {red,blue,green} {fox,owl} in {snow,forest}").matrix
    #expect(matrix.rowLabels == ["red", "blue", "green"])
    #expect(matrix.columnLabels == ["fox · snow", "fox · forest", "owl · snow", "owl · forest"])
    #expect(matrix.rows[1][3] == "a blue owl in forest")
    let four = try PromptTemplate("{a,b}{c,d}{e,f}{g,h}").matrix
    #expect(four.rows.count == 4 && four.rows[0].count == 4)
  }

  @Test func oneAxisIsARow() throws {
    let matrix = try PromptTemplate("a {fox,owl,}").matrix
    #expect(matrix.rows.count == 1)
    #expect(matrix.rowLabels.isEmpty)
    #expect(matrix.columnLabels == ["fox", "owl", "–"])
    let none = try PromptTemplate("a fox").matrix
    #expect(none.rows == [["a fox"]])
  }
}
