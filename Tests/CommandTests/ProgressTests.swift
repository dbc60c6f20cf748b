import Foundation
import Testing

@Suite(.serialized) struct ProgressTests {
  private let drawing = ["a fox", "--steps", "8", "--size", "64x64", "--seed", "1", "--output", "t.png"]

  @Test(arguments: [4, 12, 20, 40, 60, 80, 200])
  func theLineNeverWraps(_ columns: Int) throws {
    let program = try Program()
    defer { program.remove() }
    let lines = try Terminal(program, drawing + ["--count", "2"], columns: columns).lines
      .filter { !$0.contains("draws well from") }
    #expect(lines.contains { $0.contains(columns < 6 ? "8/8" : "7/8") })
    // Every character of it is one column wide.
    #expect(lines.allSatisfy { $0.count < columns }, "\(lines)")
    if columns >= 20 { #expect(lines.contains { $0.contains(" s left") }) }
    #expect(lines.contains { $0.hasPrefix("█") } == (columns >= 40))
    #expect(lines.contains { $0.contains("picture 2 of 2, all in ") } == (columns >= 60))
  }

  @Test func labelsInWideLettersAreCut() throws {
    let program = try Program()
    defer { program.remove() }
    let prompt = String(repeating: "狐", count: 60)
    let lines = try Terminal(
      program, ["compare", prompt, "--class", "fox", "--seeds", "1", "--steps", "2", "--size", "64x64", "--output", "t.png"],
      columns: 70
    ).lines.filter { $0.contains("狐") && $0.contains("/") }
    #expect(!lines.isEmpty)
    #expect(lines.allSatisfy { $0.reduce(0) { $0 + ($1 == "狐" ? 2 : 1) } < 70 }, "\(lines)")
  }

  /// A line that has become too long for the terminal stands there in pieces: they go too.
  @Test func theLineFollowsTheTerminal() throws {
    let program = try Program()
    defer { program.remove() }
    var arguments = drawing
    arguments[2] = "120"
    let terminal = try Terminal(program, arguments, columns: 100, then: 20)
    let ends = terminal.lines.suffix(10)
    #expect(ends.allSatisfy { $0.count < 20 }, "\(ends)")
    #expect(terminal.text.firstMatch(of: /\r\u{1B}\[[12]A\u{1B}\[J/) != nil)
  }

  @Test func gridsSayHowManyCellsAreDone() throws {
    let program = try Program()
    defer { program.remove() }
    let lines = try Terminal(
      program, ["grid", "a {red,blue,green} {fox,owl}", "--steps", "2", "--size", "128x128", "--output", "t.png"], columns: 80
    ).lines
    #expect(lines.contains { $0.contains("0/6 cells") } && lines.contains { $0.contains("6/6 cells") })
  }

  @Test func previewsSayWhyThereIsNone() throws {
    let program = try Program()
    defer { program.remove() }
    let piped = try program.run(drawing + ["--preview"])
    #expect(piped.status == 0)
    #expect(piped.errors == "dit-t2i: note: no preview: standard error is not a terminal\n")
    let dumb = try Terminal(program, drawing + ["--preview"], columns: 80, environment: ["TERM": "dumb"])
    #expect(dumb.text.contains("note: no preview: TERM=dumb"))
    let shown = try Terminal(program, drawing + ["--preview"], columns: 80)
    #expect(!shown.text.contains("no preview") && shown.text.contains("▀"))
    #expect(try program.run(drawing + ["--preview", "--quiet"]).errors.isEmpty)
  }

  @Test func attentionNeedsWords() throws {
    let program = try Program()
    defer { program.remove() }
    let result = try program.run(["--class", "fox", "--attention", "--output", "t.png"])
    #expect(result.status == 64 && result.errorLines.count == 1)
    #expect(try program.files().isEmpty)
  }
}
