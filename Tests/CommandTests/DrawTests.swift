import Foundation
import DiTImage
import DiTTensors
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
    #expect(try program.files() == ["red-fox-2.png", "red-fox-3.png", "red-fox.png"])
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

  /// `--scale` enlarges what is drawn without it, and is drawn again from the picture.
  @Test func enlarges() throws {
    defer { program.remove() }
    let plain = ["owl", "--seed", "7", "--output", "plain.png"]
    _ = try draw(plain)
    let result = try draw(["owl", "--seed", "7", "--scale", "3", "--output", "large.png"])
    #expect(result.output.contains("192x192"))
    let picture = { try Picture(contentsOf: program.folder.appendingPathComponent($0)) }
    #expect(try picture("large.png") == picture("plain.png").resized(width: 192, height: 192))
    let again = try program.run(["--from", "large.png", "--output", "again.png"])
    #expect(again.status == 0, "\(again.errors)")
    #expect(try program.data("again.png") == program.data("large.png"))
    #expect(try program.run(["owl", "--scale", "5"] + quick).status == 64)
  }

  /// Same seed, same bytes, whatever the number of threads; and again from the picture itself.
  @Test(arguments: ["f32", "bf16", "int12", "int8"])
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
    let contents = try PictureContents(contentsOf: program.folder.appendingPathComponent("a.png"))
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

  /// Parts that lie elsewhere are found again from the picture, and what the user says goes before it.
  @Test func picturesRememberTheirParts() throws {
    defer { program.remove() }
    let own = Fixtures.repository.appendingPathComponent("Weights/small/vae").resolvingSymlinksInPath()
    let parts = program.folder.appendingPathComponent("parts")
    try FileManager.default.createDirectory(at: parts, withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: own, to: parts.appendingPathComponent("vae"))
    _ = try draw(["fox", "--seed", "1", "--vae", "parts/../parts/vae", "--vae-tile", "64", "-o", "a.png"])
    let texts = try PictureContents(contentsOf: program.folder.appendingPathComponent("a.png")).texts
    let parameters = try #require(GenerationParameters(texts: texts))
    #expect(parameters["VAE"]?.hasSuffix("/parts/vae") == true && parameters["VAE tile"] == "64")
    for option in ["--from", "--variation"] {
      let again = try program.run([option, "a.png", "-o", "b.png"])
      #expect(again.status == 0 && again.errors.isEmpty, "\(again.errors)")
      if option == "--from" { #expect(try program.data("a.png") == program.data("b.png")) }
      let written = try PictureContents(contentsOf: program.folder.appendingPathComponent("b.png")).texts
      #expect(GenerationParameters(texts: written)?["VAE"] == parameters["VAE"])
    }
    try FileManager.default.moveItem(at: parts, to: program.folder.appendingPathComponent("moved"))
    let gone = try program.run(["--from", "a.png", "-o", "c.png"])
    #expect(gone.status == 66 && gone.errorLines.count == 1 && gone.errors.contains("--vae"), "\(gone.errors)")
    let found = try program.run(["--from", "a.png", "--vae", "moved/vae", "-o", "c.png"])
    #expect(found.status == 0 && found.errors.isEmpty, "\(found.errors)")
    let pixels = { try Picture(contentsOf: program.folder.appendingPathComponent($0)).pixels }
    #expect(try pixels("c.png") == pixels("a.png"))
  }

  @Test func picturesKnowTheWeightsThatDrewThem() throws {
    defer { program.remove() }
    _ = try draw(["fox", "--seed", "1", "-o", "a.png"])
    let other = try program.brokenModel { copy in
      let file = copy.appendingPathComponent("scheduler/scheduler_config.json")
      let text = try Data(contentsOf: file)
      try FileManager.default.removeItem(at: file)
      try (text + Data("\n".utf8)).write(to: file)
    }
    let result = try program.run(["--from", "a.png", "--model", other, "-o", "b.png"])
    #expect(result.status == 0)
    #expect(result.errorLines == ["dit-t2i: note: these are not the weights that drew a.png: the result will differ"])
    // A picture of an older version does not know, and is drawn again all the same.
    let url = program.folder.appendingPathComponent("a.png")
    var parameters = try #require(GenerationParameters(texts: PictureContents(contentsOf: url).texts))
    parameters["Model hash"] = nil
    try Picture(contentsOf: url).write(
      to: program.folder.appendingPathComponent("old.png"), texts: [parameters.pngText])
    let again = try program.run(["--from", "old.png", "-o", "c.png"])
    #expect(again.status == 0 && again.errors.isEmpty)
    #expect(try program.data("c.png") == program.data("a.png"))
  }

  /// What `inspect --cpu` says of `auto` is what a picture is drawn in.
  @Test(arguments: Backend.cpuLevels)
  func autoIsWhatTheProcessorIsFastIn(level: String) throws {
    defer { program.remove() }
    let environment = ["DIT_T2I_CPU": level]
    let said = try program.run(["inspect", "--cpu"], environment: environment)
    let backend = try Backend(cpu: level)
    #expect(said.status == 0 && said.errors.isEmpty)
    #expect(said.output.contains("computes as       \(level)\n"))
    #expect(said.output.contains("--precision auto  \(backend.precision.rawValue)\n"))
    let isFast: Precision = level.contains("bf16") || level.contains("amx") ? .bf16 : level.contains("avx") ? .int12 : .f32
    #expect(backend.precision == isFast)
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
