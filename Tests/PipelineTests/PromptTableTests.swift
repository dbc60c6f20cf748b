import DiTBatch
import DiTTestSupport
import Foundation
import Testing

/// Tables as other programs and data sets write them.
@Suite struct PromptTableTests {
  private func read(_ text: String, _ name: String) -> PromptFile { PromptFile(name: name, bytes: Array(text.utf8)) }

  private func unknown(_ file: PromptFile) -> [String] { file.columns.filter { $0.option == nil }.map(\.field) }

  @Test func namesOfOthersAreUnderstoodInEveryCase() {
    let line = [
      PromptLine(
        number: 2, prompt: "a fox",
        options: ["--negative=dark", "--steps=30", "--guidance=7.5", "--count=2", "--strength=0.5", "--size=512x384"])
    ]
    let csv = read(
      "Prompts,Negative_Prompt,num_inference_steps,CFG Scale,n,denoising_strength,Width,HEIGHT\na fox,dark,30.0,7.5,2,0.5,512,384.0",
      "a.csv")
    #expect(csv.problems.isEmpty && csv.lines == line)
    let json = read(
      #"[{"text": "a fox", "negative_prompt": "dark", "num_inference_steps": 30.0, "guidance_scale": 7.5, "num_images": 2, "#
        + #""denoising-strength": 0.5, "width": 512, "height": 384}]"#, "a.json")
    #expect(json.lines.map(\.options) == line.map(\.options) && json.lines[0].prompt == "a fox")
    #expect(read("a fox --cfg_scale 7 --negative_prompt=dark --n 4", "a.txt").lines[0].options == [
      "--guidance", "7", "--negative=dark", "--count", "4",
    ])
  }

  @Test func ourOwnNameGoesBeforeOthers() {
    let file = read("caption,prompt,text\nb,a,c", "a.csv")
    #expect(file.lines.map(\.prompt) == ["a"])
    #expect(unknown(file) == ["caption", "text"])
    #expect(read("text,caption\na,b", "a.csv").lines.map(\.prompt) == ["a"])
    #expect(read("Seed,prompt,seed\n1,a,2", "a.csv").lines[0].options == ["--seed=2"])
  }

  @Test func columnsThatNoOptionCanHaveAreNamed() {
    let file = read("id,prompt,Ünï (v2),category\n1,a fox,x,Animals", "a.csv")
    #expect(file.problems.isEmpty)
    #expect(file.columns.map(\.field) == ["id", "prompt", "Ünï (v2)", "category"])
    #expect(unknown(file) == ["Ünï (v2)"])
    #expect(file.lines[0].options == ["--id=1", "--category=Animals"])
    #expect(file.lines[0].without(["--category"]).options == ["--id=1"])
    let empty = PromptLine(number: 1, prompt: "a", options: ["--note", "", "--negative", "", "--warm"])
    #expect(empty.without(["--note"]).options == ["--negative", "", "--warm"])
  }

  @Test func separatorsAreTheHeaders() {
    let semicolons = read("prompt;seed\na fox, red;3\n\"a; b\";", "a.csv")
    #expect(semicolons.lines.map(\.prompt) == ["a fox, red", "a; b"])
    #expect(semicolons.lines[0].options == ["--seed=3"])
    // Tables with tabs quote, or do not.
    let tabs = read("Prompt\tNote\na \"red\" fox, in snow\tx\n\"two\nlines\"\ty\n\"half\" quoted\tz\n\"open\tw", "a.tsv")
    #expect(tabs.problems.isEmpty)
    #expect(tabs.lines.map(\.prompt) == ["a \"red\" fox, in snow", "two\nlines", "\"half\" quoted", "\"open"])
    #expect(tabs.lines.map(\.number) == [2, 3, 5, 6])
    let one = read("prompt\na fox, red\n\"an owl, too\"", "a.csv")
    #expect(one.lines.map(\.prompt) == ["a fox, red", "an owl, too"])
  }

  @Test func aHeaderIsAskedFor() {
    let file = read("a fox,3\nan owl,4", "a.csv")
    #expect(file.lines.isEmpty && file.problems.map(\.line) == [1])
    #expect(file.problems.first?.reason.contains("prompt,seed") == true)
  }

  @Test func jsonIsAnArrayAnObjectOrSeveral() {
    #expect(read("[{\"prompt\": \"a\"}, \"b\",\n {\"class\": \"fox\"}]", "a.json").lines == [
      PromptLine(number: 1, prompt: "a"), PromptLine(number: 2, prompt: "b"),
      PromptLine(number: 3, prompt: nil, options: ["--class=fox"]),
    ])
    #expect(read("{\n  \"prompt\": \"a\",\n  \"seed\": 3\n}\n", "a.json").lines.map(\.options) == [["--seed=3"]])
    #expect(read("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}", "a.json").lines.map(\.prompt) == ["a", "b"])
    #expect(read("[]", "a.json").lines.isEmpty && read("[]", "a.json").problems.isEmpty)
  }

  @Test func badElementsAreCountedAndBrokenFilesEnd() {
    let file = read(
      #"["a", {"prompt": 3}, 7, {"prompt": "b", "width": 5}, {"prompt": "c", "seed": {}}, {"prompt": "d", "meta": {"x": [1]}}]"#,
      "a.json")
    #expect(file.lines.map(\.number) == [1, 6])
    #expect(file.problems.map(\.line) == [2, 3, 4, 5])
    #expect(unknown(file) == ["meta"])
    let broken = read("[\"a\", {\"prompt\": \"b\",}, \"c\"]", "a.json")
    #expect(broken.lines.map(\.prompt) == ["a"] && broken.problems.map(\.line) == [2])
    #expect(read(String(repeating: "[", count: 100_000), "a.json").problems.count == 1)
    #expect(read("[\"\(String(repeating: "x", count: 70_000))\"]", "a.json").problems.count == 1)
  }

  /// Each comparison of such a letter takes the square of its marks.
  @Test(arguments: ["a.txt", "a.jsonl", "a.json", "a.csv", "a"])
  func marksWithoutEnd(_ name: String) {
    let marks = "a" + String(repeating: "\u{301}\u{316}", count: 16_000)
    for text in [
      "\(marks)\n\(marks)\n", #"[{"prompt": "\#(marks)"}]"#, #"{"\#(marks)": "a"}"#, "prompt\n\(marks)\n",
      "\(marks),prompt\nb,a\n",
    ] {
      let time = processorTime {
        let file = read(text, name)
        #expect(file.lines.allSatisfy { ($0.prompt ?? "").utf8.count < 32_000 })
        #expect(!file.problems.isEmpty && file.problems.allSatisfy { !$0.reason.isEmpty })
      }
      #expect(time < .seconds(5), "\(name)")
    }
  }

  @Test func hostileFields() {
    #expect(read(#"{"prompt": "a", "\u001b[31m": 1}"#, "a.jsonl").problems.count == 1)
    let many = (0..<20_000).map { #"{"prompt": "a", "f\#($0)": 1}"# }.joined(separator: "\n")
    let time = processorTime {
      let file = read(many, "a.jsonl")
      #expect(file.lines.count == 20_000 && file.columns.count == 1000)
    }
    #expect(time < .seconds(60))
  }

  @Test(arguments: [
    ("a fox -n4 -S12", "--count 4"), ("a fox -S 12", "--seed 12"), ("a fox -s30", "--steps 30"), ("a fox -C 7.5", "--guidance 7.5"),
    ("a fox -W512 -H384", "--size WxH"),
  ])
  func optionsOfOneDashAreNotDrawnAsWords(_ line: String, _ written: String) {
    let file = read(line, "a.txt")
    #expect(file.lines.isEmpty)
    #expect(file.problems.first?.reason.contains("write " + written) == true)
  }

  @Test(arguments: ["\"a fox -n4\"", "a t-shirt -s", "a fox -blurry", "5 -3 is 2", "a B-52", "-n4 is a word here", "a fox - n 4"])
  func otherDashesAreWords(_ line: String) {
    #expect(read(line, "a.txt").problems.isEmpty)
  }
}
