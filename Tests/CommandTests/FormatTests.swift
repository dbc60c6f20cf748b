import DiTImage
import DiTTestSupport
import Foundation
import Testing

/// JPEG and WebP, and pictures of other programs, as a user meets them.
@Suite struct FormatTests {
  let program: Program

  init() throws { program = try Program() }

  private static let quick = ["a fox", "--steps", "1", "--size", "64x64", "--seed", "5"]

  private func url(_ name: String) -> URL { program.folder.appendingPathComponent(name) }

  private func expect(
    _ arguments: [String], status: Int32 = 0, saying words: String..., location: SourceLocation = #_sourceLocation
  ) throws {
    let result = try program.run(arguments)
    #expect(result.status == status, "\(result.errors)", sourceLocation: location)
    #expect(result.errorLines.count == (words.isEmpty ? 0 : 1), "\(result.errors)", sourceLocation: location)
    for word in words { #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: location) }
  }

  private func write(_ parameters: String, to name: String) throws {
    try Picture(width: 64, height: 64).write(to: url(name), texts: [PNGText("parameters", parameters)])
  }

  @Test func picturesAreDrawnAgainFromAnyFormat() throws {
    defer { program.remove() }
    try expect(Self.quick + ["-o", "a.png"])
    for (name, format) in [("a.jpg", PictureFormat.jpeg), ("a.webp", .webp), ("b.jpeg", .jpeg)] {
      try expect(Self.quick + ["-o", name])
      #expect(try PictureContents(contentsOf: url(name)).format == format)
      try expect(["--from", name, "-o", "again.png"])
      #expect(try program.data("again.png") == program.data("a.png"), "\(name)")
    }
    try expect(Self.quick + ["-o", "all.webp", "--quality", "100"])
    #expect(try Picture(contentsOf: url("all.webp")) == Picture(contentsOf: url("a.png")))
    try expect(Self.quick + ["-o", "low.jpg", "--quality", "10"])
    #expect(try program.data("low.jpg").count < program.data("a.jpg").count)
    let files = try program.files()
    for name in ["x.bmp", "x.GIF", "x.tiff"] { try expect(Self.quick + ["-o", name], status: 64, saying: name, ".jpg") }
    try expect(Self.quick + ["-o", "x.png", "--quality", "9"], status: 64, saying: "--quality")
    try expect(Self.quick + ["-o", "x.jpg", "--quality", "0"], status: 64, saying: "1 to 100")
    let long = String(repeating: "fox ", count: 10_000)
    try expect([long, "-o", "x.jpg"], status: 73, saying: "too long for JPEG")
    try expect(["batch", "none.txt", "-o", "out", "--sheet", "x.gif"], status: 64, saying: "x.gif")
    #expect(try program.files() == files, "nothing was written")
  }

  @Test func sheetsHaveThePicturesFormat() throws {
    defer { program.remove() }
    let files = ["s-animation.webp", "s-attention.webp", "s-steps.webp", "s.webp"]
    let result = try program.run(Self.quick + ["--strip", "--attention", "-o", "s.webp"])
    #expect(result.status == 0, "\(result.errors)")
    #expect(try program.files() == files)
    let texts = try files.map { try PictureContents(contentsOf: url($0)).texts }
    #expect(Set(texts.map(\.description)).count == 1 && texts[0].first?.keyword == "parameters")
    try expect(["grid", "a {fox,owl}", "--steps", "1", "--size", "64x64", "-o", "grid.jpg"])
    #expect(try PictureContents(contentsOf: url("grid.jpg")).format == .jpeg)
  }

  @Test func startPicturesAreAskedForByName() throws {
    defer { program.remove() }
    try Picture(width: 64, height: 64, filledWith: .ink).write(to: url("meadow.jpg"))
    try expect(Self.quick + ["--image", "meadow.jpg", "-o", "lion.png"])
    try expect(["--from", "lion.png", "-o", "b.png"], status: 64, saying: "lion.png", "meadow.jpg", "--image")
    try expect(["--from", "lion.png", "--image", "meadow.jpg", "-o", "b.png"])
    #expect(try program.data("b.png") == program.data("lion.png"))
    try Picture(width: 64, height: 64).write(to: url("mask.png"))
    try expect(
      Self.quick + ["--image", "meadow.jpg", "--mask", "mask.png", "-o", "c.png"], saying: "mask.png is all white")
  }

  @Test func whatAnotherProgramHasIsAskedFor() throws {
    defer { program.remove() }
    let fields = "CFG scale: 4, Seed: 12, Size: 64x64, Clip skip: 2, Version: v1.10.1"
    try write("a fox\nSteps: 1, Sampler: LMS, \(fields)", to: "multistep.png")
    try expect(["--from", "multistep.png"], status: 64, saying: "multistep.png", "LMS", "--sampler", "euler is")
    try write("a fox\nSteps: 1, Sampler: DDIM, Model: some-model, \(fields)", to: "model.png")
    try expect(["--from", "model.png"], status: 66, saying: "model.png", "some-model", "--model")
    try write("a fox\nSteps: 1, Sampler: DPM++ 2M Karras, \(fields)", to: "karras.png")
    try expect(["--from", "karras.png", "-o", "a.png"], saying: "karras.png", "web UI v1.10.1", "Clip skip")
    let drawn = try #require(PictureSettings(texts: PictureContents(contentsOf: url("a.png")).texts)).parameters
    #expect(drawn.sampler == "dpm++" && drawn["Sigmas"] == "karras" && drawn.seed == 12)
    try write("a fox\nSteps: 1, Sampler: DDIM, CFG scale: 4, Seed: -1, Size: 64x64", to: "seed.png")
    try expect(["--from", "seed.png", "-o", "b.png"], saying: "seed.png", "-1")
    try expect(["--from", "seed.png", "--seed", "3", "-o", "b.png"])
  }

  @Test func infoShowsSettings() throws {
    defer { program.remove() }
    try write("a fox\nNegative prompt: dark\nSteps: 1, Sampler: Euler a, Seed: 12, Note: \u{1B}[31m", to: "a.webp")
    try Picture(width: 8, height: 4).write(to: url("plain.jpg"))
    let shown = try program.run(["info", "a.webp", "plain.jpg"])
    #expect(shown.status == 0 && shown.errors.isEmpty)
    for words in ["a.webp  WebP, 64x64", "Negative prompt  dark", "Euler a", "plain.jpg  JPEG, 8x4", "no settings"] {
      #expect(shown.output.contains(words), "\(words): \(shown.output)")
    }
    #expect(!shown.output.contains("\u{1B}"))
    try Data("GIF89a".utf8).write(to: url("b.gif"))
    let failed = try program.run(["info", "b.gif", "--json", "none.png", "a.webp"])
    #expect(failed.status == 65 && failed.errorLines.count == 2)
    let line = try JSONSerialization.jsonObject(with: Data(failed.output.utf8)) as? [String: Any]
    #expect(line?["prompt"] as? String == "a fox" && line?["format"] as? String == "WebP" && line?["width"] as? Int == 64)
    #expect((line?["settings"] as? [String: String])?["Sampler"] == "Euler a")
    #expect(try program.run(["info"]).status == 64)
    #expect(try program.run(["info", "none.png"]).status == 66)
  }
}
