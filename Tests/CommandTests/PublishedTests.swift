import DiTTestSupport
import Foundation
import Testing

/// What the program says and stores of models whose files leave something open.
@Suite(.serialized) struct PublishedTests {
  let program: Program

  init() throws { program = try Program() }

  @Test func classesThatShareAName() throws {
    defer { program.remove() }
    try program.makeClassModel()
    let some = ["--model", "dit", "--steps", "2", "--seed", "1", "--quiet"]
    #expect(try program.run(some + ["--class", "5", "-o", "a.png"]).status == 0)
    #expect(try program.run(["--from", "a.png", "--model", "dit", "--quiet", "-o", "b.png"]).status == 0)
    #expect(try program.data("a.png") == program.data("b.png"))
    let vague = try program.run(some + ["--class", "crane"])
    #expect(vague.status == 64 && vague.errors.contains("give an index, 3 or 5"))
    // Another class goes before the picture's.
    #expect(try program.run(["--from", "a.png", "--model", "dit", "--class", "3", "--quiet", "-o", "c.png"]).status == 0)
    #expect(try program.data("a.png") != program.data("c.png"))
    try Data("--class crane\n--class 5\n".utf8).write(to: program.folder.appendingPathComponent("lines.txt"))
    let batch = try program.run(["batch", "lines.txt", "--model", "dit", "--steps", "1", "-o", "out"])
    #expect(batch.status != 0 && batch.errors.contains("lines.txt:1") && batch.errors.contains("3 or 5"))
  }

  @Test func baseSize() throws {
    defer { program.remove() }
    let file = Fixtures.url("dit-diffusers/p2/diffusion_pytorch_model.safetensors")
    try FileManager.default.copyItem(at: file, to: program.folder.appendingPathComponent("x.safetensors"))
    let some = ["--model", "x.safetensors", "--vae", Fixtures.url("vae/tiny").path, "--class", "3", "--steps", "1", "--seed", "1"]
    let plain = try program.run(some + ["--size", "64", "-o", "plain.png"])
    #expect(plain.status == 0 && plain.errors.contains("note: x.safetensors does not say") && plain.errors.contains("256 pixels"))
    let small = try program.run(some + ["--base-size", "64", "-o", "small.png"])
    #expect(small.status == 0 && small.errors.isEmpty && small.output.contains("64x64"))
    #expect(try program.run(["--from", "small.png", "--quiet", "-o", "again.png"]).status == 0)
    #expect(try program.data("small.png") == program.data("again.png"))
    #expect(try program.data("small.png") != program.data("plain.png"))
    let refused = try program.run(["fox", "--base-size", "64"])
    #expect(refused.status == 64 && refused.errors.contains("trained at 256 pixels"))
    let converted = try program.run(
      ["convert", "x.safetensors", "out", "--vae", Fixtures.url("vae/tiny").path, "--base-size", "64", "--type", "f32"])
    #expect(converted.status == 0 && converted.errors.isEmpty)
    #expect(try program.run(["--model", "out", "--class", "3", "--steps", "1", "--seed", "1"]).output.contains("64x64"))
  }
}
