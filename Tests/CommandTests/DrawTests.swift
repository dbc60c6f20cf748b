import Foundation
import DiTImage
import DiTTestSupport
import Testing

/// Drawing from the command line, on the bundled model, in few steps.
@Suite(.serialized) struct DrawTests {
  let program: Program
  let quick = ["--steps", "2", "--size", "64x64"]

  init() throws { program = try Program() }

  private func draw(_ arguments: [String]) throws -> Program.Result {
    let result = try program.run(arguments + quick)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
    return result
  }

  @Test func promptClassBothAndNeither() throws {
    defer { program.remove() }
    #expect(try draw(["a red fox in snow", "--seed", "1"]).output.hasPrefix("a-red-fox-in-snow.png  seed 1  64x64  2 steps"))
    _ = try draw(["--class", "fox", "--seed", "1"])
    _ = try draw(["--class", "329", "--seed", "1", "-o", "index.png"])
    _ = try draw(["a red fox in snow", "--class", "fox", "--seed", "1"])
    _ = try draw(["--seed", "1"])
    _ = try draw(["", "--seed", "1", "-o", "empty.png"])
    #expect(
      try program.files() == [
        "a-red-fox-in-snow-fox.png", "a-red-fox-in-snow.png", "empty.png", "fox.png", "index.png", "picture.png",
      ])
    let pixels = { try Picture(contentsOf: program.folder.appendingPathComponent($0)).pixels }
    #expect(try pixels("fox.png") == pixels("index.png"))
    #expect(try pixels("empty.png") == pixels("picture.png"))
    let names = ["a-red-fox-in-snow.png", "fox.png", "a-red-fox-in-snow-fox.png", "empty.png"]
    #expect(try Set(names.map { try pixels($0) }).count == 4)
  }

  @Test func neverReplacesWhatItNamedItself() throws {
    defer { program.remove() }
    for _ in 0..<3 { _ = try draw(["red", "fox", "--quiet"]) }
    #expect(try program.files() == ["red-fox.png", "red-fox_2.png", "red-fox_3.png"])
    let pictures = try program.files().map { try program.data($0) }
    #expect(Set(pictures).count == 3, "three random seeds")
  }

  @Test func countGivesConsecutiveSeeds() throws {
    defer { program.remove() }
    _ = try draw(["owl", "--seed", "7", "--count", "2", "--output", "x.png"])
    _ = try draw(["owl", "--seed", "8", "--output", "alone.png"])
    #expect(try program.files() == ["alone.png", "x-1.png", "x-2.png"])
    #expect(try program.data("alone.png") == program.data("x-2.png"))
  }

  /// Same seed, same bytes, whatever the number of threads; and again from the picture itself.
  @Test(arguments: ["f32", "bf16", "int8"])
  func sameBytes(_ precision: String) throws {
    defer { program.remove() }
    let options = [
      "a blue car, \"fast\" (très vite)", "--negative", "rain\nSteps: 9", "--seed", "3", "--class", "cat", "--guidance",
      "2.5", "--precision", precision,
    ]
    for threads in ["1", "2", "4"] { _ = try draw(options + ["--threads", threads, "-o", "t\(threads).png"]) }
    #expect(try program.data("t1.png") == program.data("t2.png"))
    #expect(try program.data("t1.png") == program.data("t4.png"))
    let again = try program.run(["--from", "t1.png", "-o", "again.png"])
    #expect(again.status == 0, "\(again.errors)")
    #expect(try program.data("again.png") == program.data("t1.png"))
  }

  @Test(arguments: ["ddpm", "ddim", "dpm++"])
  func samplersAndTheirMetadata(_ sampler: String) throws {
    defer { program.remove() }
    _ = try draw(["cat", "--seed", "1", "--sampler", sampler, "-o", "a.png"])
    let contents = try PNG.read(program.folder.appendingPathComponent("a.png"))
    let parameters = try #require(GenerationParameters(texts: contents.texts))
    #expect(parameters.prompt == "cat")
    #expect(parameters.sampler == sampler)
    #expect(parameters.seed == 1)
    #expect(parameters.steps == 2)
    #expect(parameters.model == "small")
    #expect(parameters.size?.width == 64 && parameters.size?.height == 64)
    #expect(parameters["Version"]?.hasPrefix("dit-t2i") == true)
    #expect(try program.run(["--from", "a.png", "-o", "b.png"]).status == 0)
    #expect(try program.data("a.png") == program.data("b.png"))
  }

  @Test func anyLegalSize() throws {
    defer { program.remove() }
    for size in ["64x208", "320x64", "144x112"] {
      #expect(try program.run(["fox", "--steps", "1", "--size", size, "-o", "a.png"]).status == 0)
      let picture = try Picture(contentsOf: program.folder.appendingPathComponent("a.png"))
      #expect("\(picture.width)x\(picture.height)" == size)
    }
  }

  @Test func findsItsModelFromAnywhere() throws {
    defer { program.remove() }
    let list = try program.run(["models"])
    #expect(list.status == 0 && list.output.contains("(default)"))
    let small = Fixtures.repository.appendingPathComponent("Weights/small").path
    #expect(try program.run(["fox", "--model", small] + quick).status == 0)
    #expect(try program.run(["fox"] + quick, environment: ["DIT_T2I_MODEL": small]).status == 0)
    #expect(try program.run(["fox"] + quick, environment: ["DIT_T2I_MODEL": "/nowhere"]).status == 66)
  }

  @Test func quietElsewhereThanOnATerminal() throws {
    defer { program.remove() }
    let result = try draw(["fox", "--seed", "1"])
    #expect(result.errors.isEmpty)
    #expect(result.output.split(separator: "\n").count == 1)
    #expect(try draw(["fox", "--quiet", "-o", "q.png"]).output == "q.png\n")
  }
}
