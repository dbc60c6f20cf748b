import DiTBatch
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

@Suite struct PromptFileTests {
  private func read(_ text: String, _ name: String = "a.txt") -> PromptFile {
    PromptFile(name: name, bytes: Array(text.utf8))
  }

  @Test func plainTextHasCommentsBlankLinesAndEveryLineEnd() {
    let file = read("\u{FEFF}# comment\r\n\r\na red fox in snow  \r\n\t an owl\t\n\nlast")
    #expect(file.problems.isEmpty)
    #expect(
      file.lines == [
        PromptLine(number: 3, prompt: "a red fox in snow"), PromptLine(number: 4, prompt: "an owl"),
        PromptLine(number: 6, prompt: "last"),
      ])
  }

  @Test(arguments: [
    ("a fox --seed 7 --size 64x64", "a fox", ["--seed", "7", "--size", "64x64"]),
    ("--class fox", nil, ["--class", "fox"]),
    (#"a fox --negative "dark, blurry" --seed=7"#, "a fox", ["--negative", "dark, blurry", "--seed=7"]),
    (#"a fox --negative 'a "b" \c'"#, "a fox", ["--negative", #"a "b" \c"#]),
    (#"a fox --negative a\ b"#, "a fox", ["--negative", "a b"]),
    (#"a fox --negative """#, "a fox", ["--negative", ""]),
    (#""quoted --as it is" --seed 1"#, "quoted --as it is", ["--seed", "1"]),
    (#"a sign "--wet paint" here --seed 1"#, #"a sign "--wet paint" here"#, ["--seed", "1"]),
    (#""one" and "two""#, #""one" and "two""#, []),
    (#""""#, "", []),
    ("5 -- 3 is two", "5 -- 3 is two", []),
    ("a well--made box", "a well--made box", []),
    (#"a 5" ruler --seed 1"#, #"a 5" ruler"#, ["--seed", "1"]),
    ("a dog's bed --seed 1", "a dog's bed", ["--seed", "1"]),
    ("狐 🦊 e\u{301}tude\t--seed 1", "狐 🦊 e\u{301}tude", ["--seed", "1"]),
  ] as [(String, String?, [String])])
  func optionsBeginAtTwoHyphens(_ line: String, _ prompt: String?, _ options: [String]) {
    #expect(read(line).lines == [PromptLine(number: 1, prompt: prompt, options: options)])
  }

  @Test func jsonLines() {
    let file = read(
      #"{"prompt": "a \"fox\"\n", "seed": 18446744073709551615, "size": "64x64", "negative": "", "guidance": 1.50}"# + "\n"
        + #"{"class": "fox", "count": 4, "negative": null, "cold": false, "warm": true, "skip_layers": [1, 2]}"#,
      "a.jsonl")
    #expect(file.problems.isEmpty)
    #expect(
      file.lines == [
        PromptLine(
          number: 1, prompt: "a \"fox\"\n",
          options: ["--seed=18446744073709551615", "--size=64x64", "--negative", "", "--guidance=1.50"]),
        PromptLine(number: 2, prompt: nil, options: ["--class=fox", "--count=4", "--warm", "--skip-layers=1,2"]),
      ])
  }

  @Test func csvQuotesAsRFC4180Says() {
    let file = read(
      "# a comment, \"with a quote\nprompt,size,negative\r\n\"a fox, red\",64x64,\r\n\"two\nlines\",,\"no \"\"quotes\"\"\"\r\nend,,",
      "a.csv")
    #expect(file.problems.isEmpty)
    #expect(
      file.lines == [
        PromptLine(number: 3, prompt: "a fox, red", options: ["--size=64x64"]),
        PromptLine(number: 4, prompt: "two\nlines", options: ["--negative=no \"quotes\""]),
        PromptLine(number: 6, prompt: "end"),
      ])
  }

  @Test func aFileIsKnownByItsNameOrElseByItsContent() {
    #expect(read("{\"prompt\": \"a\"}", "a.txt").format == .jsonl)
    #expect(read("{a,b} fox", "a.txt").format == .text)
    #expect(read("[cat] on a roof", "a.txt").format == .text)
    for json in ["[\n{}]", "[{\"prompt\": \"a\"}]", "[ \"a fox\"]", "{\n\"prompt\": \"a\"\n}"] {
      for name in ["a.txt", "list", "a.json", "a.jsonl"] { #expect(read(json, name).format == .json) }
    }
    #expect(read("Prompt\tCategory\na\tb", "a.txt").format == .csv)
    #expect(read("Prompts;seed\na;1", "list").format == .csv)
    #expect(read("a fox\tin snow", "a.txt").format == .text)
    #expect(read("a", "a.TSV").format == .csv)
    #expect(read("a fox", "a.JSONL").format == .jsonl)
    #expect(read("\u{FEFF}\n{\"prompt\": \"a\"}", "standard input").format == .jsonl)
    #expect(read("# c\nprompt,seed\na,1", "list").format == .csv)
    #expect(read("a fox, an owl, prompt and all", "list").format == .text)
    #expect(read("prompt", "list").format == .text)
    #expect(read("", "list").format == .text)
  }

  @Test func everyHostileLineIsOneProblem() {
    let long = String(repeating: "x", count: 1 << 20)
    let text = read(["good", "nul \0", "esc \u{1B}[31m", long, "a --negative 'open", "a --negative b\\"].joined(separator: "\n"))
    #expect(text.lines.map(\.number) == [1])
    #expect(text.problems.map(\.line) == [2, 3, 4, 5, 6])
    let json = read(
      [
        #"{"prompt": "good"}"#, "{", String(repeating: "[", count: 60_000), #"{"prompt": [[[[[[[1]]]]]]]}"#,
        #"{"a": "# + String(repeating: #"["#, count: 60_000), #"{"prompt": "a", "prompt": "a"}"#, #"{"prompt": 3}"#,
        #"{"prompt": "\u0007"}"#, #"{"prompt": "\ud800"}"#, "[]", "3", "{} {}", #"{"seed": {}}"#, #"{"seed": [true]}"#,
      ].joined(separator: "\n"), "a.jsonl")
    #expect(json.lines.map(\.number) == [1])
    #expect(json.problems.map(\.line) == Array(2...14))
    let csv = read("prompt,seed\ngood,1\nbad\"quote,1\n\"junk\"x,1\n1\n1,2,3\n\"open,1\ngood,2\n", "a.csv")
    #expect(csv.lines.map(\.number) == [2, 8])
    #expect(csv.problems.map(\.line) == [3, 4, 5, 6, 7])
    #expect(read("seed,seed\n1,1", "a.csv").problems.map(\.line) == [1])
    #expect(read("seed\n1", "a.csv").problems.map(\.line) == [1])
  }

  @Test func bytesThatAreNoText() {
    let file = PromptFile(name: "a.txt", bytes: [0x61, 0x0A, 0xFF, 0x0A, 0xC3, 0x28, 0x0A, 0x62])
    #expect(file.lines.map(\.number) == [1, 4])
    #expect(file.problems.map(\.line) == [2, 3])
    let wide = PromptFile(name: "a.txt", bytes: [0xFF, 0xFE, 0x61, 0, 0x0A, 0])
    #expect(wide.problems.count == 1)
    #expect(wide.problems.first?.reason.contains("UTF-16") == true)
  }

  /// What lies in a file's place is no prompt; an answer of a server could be one.
  @Test func whatIsNoFileOfPrompts() throws {
    let folder = try TemporaryFolder()
    let texts = ["version https://git-lfs.github.com/spec/v1\nsize 9\n": "Git LFS", "<html><title>Sign in</title>": "Sign in"]
    for (text, what) in texts {
      try folder.write(text, to: "prompts.txt")
      #expect { _ = try PromptFile(path: folder.file("prompts.txt").path) } throws: { "\($0)".contains(what) }
    }
    try folder.write(#"{"prompt": "version https://git-lfs.github.com/"}"#, to: "prompts.jsonl")
    #expect(try PromptFile(path: folder.file("prompts.jsonl").path).lines.count == 1)
  }

  /// Whatever the bytes: no crash, and every line counts once.
  @Test func randomBytes() {
    var random = SystemRandomNumberGenerator()
    let alphabet: [UInt8] = Array("a \"'\\,\n\r{}[]:#-=0\t".utf8) + [0, 0xFF, 0xC3, 0xA9]
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
      for name in ["a.txt", "a.jsonl", "a.csv", "a", "a.tsv", "a.json"] {
        let file = PromptFile(name: name, bytes: bytes)
        let numbers = file.lines.map(\.number) + file.problems.map(\.line)
        #expect(Set(numbers).count == numbers.count)
      }
    }
  }
}
