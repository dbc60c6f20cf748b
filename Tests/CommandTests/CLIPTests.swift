import DiTImage
import DiTTestSupport
import Foundation
import Testing

/// U-ViT and its CLIP as a user names them.
@Suite(.serialized) struct CLIPTests {
  let program: Program

  init() throws { program = try Program() }

  private static let parts = Fixtures.url("uvit-t2i/b")
  private static func part(_ name: String) -> String { parts.appendingPathComponent(name).path }

  private let files = [
    "--model", part("uvit/model.safetensors"), "--text-encoder", part("text_encoder"), "--vae", part("vae"),
  ]

  @Test func drawsConvertsAndRepeats() throws {
    defer { program.remove() }
    let some = ["--steps", "4", "--seed", "1", "--quiet"]
    #expect(try program.run(["two dogs"] + files + some + ["-o", "a.png"]).status == 0)
    #expect(try program.run(["two (dogs:1.4)"] + files + some + ["-o", "b.png"]).status == 0)
    #expect(try program.data("a.png") != program.data("b.png"))
    #expect(try program.run(["--from", "b.png"] + files + ["--quiet", "-o", "c.png"]).status == 0)
    #expect(try program.data("b.png") == program.data("c.png"))
    let converted = try program.run(["convert", Self.part("uvit"), "out"] + files.dropFirst(2) + ["--type", "f32"])
    #expect(converted.status == 0)
    #expect(try program.run(["two dogs", "--model", "out"] + some + ["-o", "d.png"]).status == 0)
    let pixels = { try Picture(contentsOf: program.folder.appendingPathComponent($0)).pixels }
    #expect(try pixels("d.png") == pixels("a.png"))
    let inspected = try program.run(["inspect", "out"])
    #expect(inspected.status == 0 && ["long skips", "text encoder", "word pieces"].allSatisfy(inspected.output.contains))
  }

  @Test func longPromptsAndOtherSizesAreNoted() throws {
    defer { program.remove() }
    let long = try program.run(["two dogs and nine cats on a mat"] + files + ["--steps", "1", "-o", "a.png"])
    #expect(long.status == 0 && long.errors.contains("reads 4 tokens") && long.errors.contains("0.2301"))
    let size = try program.run(["two dogs", "--size", "64"] + files)
    #expect(size.status == 64 && size.errors.contains("trained at alone"))
    var another = files
    another[3] = Fixtures.url("clip-text/projection").path
    let other = try program.run(["two dogs"] + another)
    #expect(other.status != 0 && other.errors.contains("writes 30"))
  }
}
