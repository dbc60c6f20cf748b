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
        "0002-a-red-fox-1.png", "0002-a-red-fox-2.png", "0003-picture.png", "0004-fox.png", "0005-füchse.png",
      ])
    #expect(try program.files().contains("sheet.png"))
    // A picture of a batch is the picture drawn alone.
    let alone = try program.run(
      ["a", "red", "fox", "--seed", "3", "--steps", "2", "--size", "64x64", "--output", "alone.png", "--quiet"])
    #expect(alone.status == 0)
    #expect(try program.data("alone.png") == whole["0002-a-red-fox-2.png"])

    #expect(try draw(program, "p.txt", "out").output.isEmpty)
    try FileManager.default.removeItem(at: program.folder.appendingPathComponent("out/0004-fox.png"))
    #expect(try draw(program, "p.txt", "out").output == "out/0004-fox.png\n")
    #expect(try pictures(program, "out") == whole)
    #expect(try draw(program, "p.txt", "out", ["--guidance", "2"]).output.split(separator: "\n").count == 5)
  }

  @Test func shardsAndFormatsMakeTheSamePictures() throws {
    let program = try Program()
    defer { program.remove() }
    try Data(lines.utf8).write(to: program.folder.appendingPathComponent("p.txt"))
    let json = """
      {"prompt": "unused", "class": "no such class"}
      {"prompt": "a red fox", "count": 2}
      {"prompt": "", "seed": 3}
      {"class": "fox"}
      {"prompt": "füchse", "negative": "dark, blurry", "size": "96x64"}
      """
    try Data(json.utf8).write(to: program.folder.appendingPathComponent("p.jsonl"))
    for index in 1...3 { #expect(try draw(program, "p.txt", "shards", ["--shard", "\(index)/3"]).status == 0) }
    #expect(try program.run(["batch", "--merge", "shards"]).status == 0)
    let skipping = try draw(program, "p.jsonl", "json", ["--skip-bad"])
    #expect(skipping.status == 0)
    #expect(skipping.errorLines.count == 1)
    #expect(skipping.errors.hasPrefix("p.jsonl:1: no class"))
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
  }
}
