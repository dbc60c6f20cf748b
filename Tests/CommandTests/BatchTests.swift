import DiTImage
import Foundation
import Testing

/// Prompt files and grids through the program, on the bundled model, in a second or two.
@Suite(.serialized) struct BatchTests {
  private let lines = """
    # five pictures
    a red fox --count 2
    "" --seed 3
    --class fox
    füchse --negative "dark, blurry" --size 96x64
    """

  private func draw(_ program: Program, _ file: String, _ output: String, _ more: [String] = []) throws -> Program.Result {
    try program.run(["batch", file, "--output", output, "--steps", "2", "--size", "64x64", "--quiet"] + more)
  }

  private func pictures(_ program: Program, _ folder: String) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: program.folder.appendingPathComponent(folder).path)
    let pictures = names.filter { $0.hasSuffix(".png") }
    return try Dictionary(uniqueKeysWithValues: pictures.map { ($0, try program.data("\(folder)/\($0)")) })
  }

  @Test func aFileIsDrawnOnceAndResumed() throws {
    let program = try Program()
    defer { program.remove() }
    try Data(lines.utf8).write(to: program.folder.appendingPathComponent("p.txt"))
    let first = try draw(program, "p.txt", "out", ["--sheet", "sheet.png"])
    #expect(first.status == 0, "\(first.errors)")
    let whole = try pictures(program, "out")
    #expect(
      whole.keys.sorted() == [
        "0001-a-red-fox-1.png", "0001-a-red-fox-2.png", "0002-picture.png", "0003-fox.png", "0004-füchse.png",
      ])
    #expect(try program.files().contains("sheet.png"))
    // A picture of a batch is the picture drawn alone.
    let alone = try program.run(
      ["a", "red", "fox", "--seed", "3", "--steps", "2", "--size", "64x64", "--output", "alone.png", "--quiet"])
    #expect(alone.status == 0)
    #expect(try program.data("alone.png") == whole["0001-a-red-fox-2.png"])

    #expect(try draw(program, "p.txt", "out").output.isEmpty)
    try FileManager.default.removeItem(at: program.folder.appendingPathComponent("out/0003-fox.png"))
    #expect(try draw(program, "p.txt", "out").output == "out/0003-fox.png\n")
    #expect(try pictures(program, "out") == whole)
    #expect(try draw(program, "p.txt", "out", ["--guidance", "2"]).output.split(separator: "\n").count == 5)
  }

  @Test func shardsAndFormatsMakeTheSamePictures() throws {
    let program = try Program()
    defer { program.remove() }
    try Data(lines.utf8).write(to: program.folder.appendingPathComponent("p.txt"))
    let json = """
      # five pictures
      {"prompt": "a red fox", "count": 2}
      {"prompt": "", "seed": 3}
      {"class": "fox"}
      {"prompt": "füchse", "negative": "dark, blurry", "size": "96x64"}
      {"prompt": "unused", "class": "no such class"}
      """
    try Data(json.utf8).write(to: program.folder.appendingPathComponent("p.jsonl"))
    for index in 1...3 { #expect(try draw(program, "p.txt", "shards", ["--shard", "\(index)/3"]).status == 0) }
    #expect(try program.run(["batch", "--merge", "shards"]).status == 0)
    let skipping = try draw(program, "p.jsonl", "json", ["--skip-bad"])
    #expect(skipping.status == 0)
    #expect(skipping.errorLines.count == 1)
    #expect(skipping.errors.hasPrefix("p.jsonl:6: no class"))
    #expect(try pictures(program, "shards") == (try pictures(program, "json")))
  }

  @Test func badFilesAreToldApart() throws {
    let program = try Program()
    defer { program.remove() }
    try Data("a fox\na fox --size 65x64\na fox --sise 64x64\na fox --help\n".utf8)
      .write(to: program.folder.appendingPathComponent("p.txt"))
    let bad = try draw(program, "p.txt", "out")
    #expect(bad.status == 65)
    #expect(bad.output.isEmpty)
    #expect(bad.errorLines.map { $0.prefix(8) } == ["p.txt:2:", "p.txt:3:", "p.txt:4:", "dit-t2i:"])
    #expect(try program.files() == ["p.txt"])
    #expect(try draw(program, "missing.txt", "out").status == 66)
    #expect(try draw(program, "p.txt", "out", ["--skip-bad", "--shard", "3/2"]).status == 64)
    #expect(try program.run(["batch", "p.txt"]).status == 64)
    #expect(try program.run(["batch", "--merge", "nowhere"]).status == 66)
    #expect(try program.run(["grid", "a {fox", "--quiet"]).status == 64)
  }

  @Test func tablesOfOthersAreDrawn() throws {
    let program = try Program()
    defer { program.remove() }
    func batch(_ name: String, _ text: String, _ more: [String] = []) throws -> Program.Result {
      try Data(text.utf8).write(to: program.folder.appendingPathComponent(name))
      return try program.run(["batch", name, "--output", "out-" + name, "--steps", "1", "--size", "64x64"] + more)
    }
    let table = try batch("p.tsv", "ID\tPrompt\tversion\tnum_inference_steps\tseed\n7\ta \"red\" fox, here\t1\t2.0\t3.0\n")
    #expect(table.status == 0)
    #expect(table.output.hasPrefix("out-p.tsv/0001-a-red-fox-here.png  seed 3  1/1"))
    #expect(table.errorLines.first == "dit-t2i: note: p.tsv: skipped fields that are no options: \"ID\", \"version\"")
    #expect(table.errorLines.allSatisfy { $0.hasPrefix("dit-t2i: ") })
    #expect(try batch("q.csv", "id,prompt\n1,a fox\n", ["--quiet"]).errors.isEmpty)
    let json = try batch("p.json", "[\"a fox\", {\"text\": \"an owl\", \"tags\": [{}]}]", ["-q"])
    #expect(json.output.split(separator: "\n").count == 2)
    #expect(try batch("bad.json", "[\"a fox\", ]").status == 65)
    let dashes = try batch("d.txt", "a fox -n4\n")
    #expect(dashes.status == 65)
    #expect(dashes.errors == """
      d.txt:1: "-n4" would be drawn as words: write --count 4, or quote the prompt
      dit-t2i: d.txt: nothing of it can be drawn

      """)
  }

  @Test func comparisonsReadPromptFiles() throws {
    let program = try Program()
    defer { program.remove() }
    func compare(_ text: String) throws -> Program.Result {
      try Data(text.utf8).write(to: program.folder.appendingPathComponent("p.csv"))
      return try program.run(
        ["compare", "--prompts", "p.csv", "--seeds", "1", "--steps", "1", "--size", "64x64", "--output", "c.png", "--quiet"])
    }
    let missing = try program.run(["compare", "--prompts", "nofile"])
    #expect(missing.status == 66)
    #expect(missing.errors.contains("nofile: No such file or directory"))
    #expect(try compare("prompt,class\na fox,\n,fox\n").status == 65)
    #expect(try compare("prompt,class\na fox\n").status == 65)
    #expect(try compare("Class,Prompt,id\nfox,\"a red fox, in snow\",1\n,a car,2\n").status == 0)
    let report = try program.data("c.json")
    #expect(String(decoding: report, as: UTF8.self).contains("\"a red fox, in snow\""))
  }

  /// Paths in a line begin at the file's folder; a picture that has changed is drawn from again.
  @Test func linesCanStartFromPictures() throws {
    let program = try Program()
    defer { program.remove() }
    let small = ["--steps", "2", "--size", "64x64", "--quiet"]
    let jobs = program.folder.appendingPathComponent("jobs")
    try FileManager.default.createDirectory(at: jobs, withIntermediateDirectories: true)
    #expect(try program.run(["a", "fox", "--seed", "1", "--output", "jobs/fox.png"] + small).status == 0)
    try Data("a blue fox --image fox.png --strength 0.5\na fox --image fox.png --mask fox.png\n".utf8)
      .write(to: jobs.appendingPathComponent("p.txt"))
    #expect(try draw(program, "jobs/p.txt", "out").output.split(separator: "\n").count == 2)
    let alone = ["a blue fox", "--image", "jobs/fox.png", "--strength", "0.5", "--seed", "1", "--output", "alone.png"]
    #expect(try program.run(alone + small).status == 0)
    let first = try program.data("out/0001-a-blue-fox.png")
    #expect(try program.data("alone.png") == first)
    #expect(try draw(program, "jobs/p.txt", "out").output.isEmpty)
    #expect(try program.run(["a", "fox", "--seed", "2", "--output", "jobs/fox.png"] + small).status == 0)
    #expect(try draw(program, "jobs/p.txt", "out").output.split(separator: "\n").count == 2)
    #expect(try program.data("out/0001-a-blue-fox.png") != first)

    try Data("a fox --mask fox.png\na fox --image none.png\na fox --image p.txt\na fox --strength 2\n".utf8)
      .write(to: jobs.appendingPathComponent("bad.txt"))
    let bad = try draw(program, "jobs/bad.txt", "bad")
    #expect(bad.status == 65)
    #expect(bad.errorLines.count == 5)
    #expect(try program.run(["grid", "a {fox,cat}", "--image", "jobs/fox.png", "--output", "g.png"] + small).status == 0)
    #expect(try program.run(["grid", "a {fox,cat}", "--strength", "0.5"] + small).status == 64)
  }

  @Test func gridsAreDrawnAsTables() throws {
    let program = try Program()
    defer { program.remove() }
    let result = try program.run(
      ["grid", "a {red,blue} {fox,owl}", "--seed", "1", "--steps", "1", "--size", "64x64", "--quiet"])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output == "grid-a-red-blue-fox-owl.png\n")
    #expect(try program.data("grid-a-red-blue-fox-owl.png").count > 1000)
    let sheet = try PictureContents(contentsOf: program.folder.appendingPathComponent("grid-a-red-blue-fox-owl.png"))
    #expect(sheet["Description"]?.contains("Model: small, Model hash: ") == true)
    let one = try program.run(["grid", "a fox", "--seed", "1", "--steps", "1", "--size", "64x64", "--output", "one.png"])
    #expect(one.status == 0 && one.errors.hasPrefix("dit-t2i: note: no braces"))
    #expect(try program.run(["grid", "{1..100000000}"]).status == 64)
  }
}
