import DiTTestSupport
import Foundation
import Testing

/// SANA as a user draws with it.
@Suite struct SanaTests {
  private func words(_ sprint: Bool) -> [String] {
    ["a red fox", "--model", "sana", "--seed", "1"] + (sprint ? [] : ["--steps", "3"])
  }

  @Test(arguments: [false, true], [false, true])
  func drawsAndTells(sprint: Bool, asPublished: Bool) throws {
    let program = try Program()
    defer { program.remove() }
    try TinyParts.writeSana(sprint: sprint, to: program.folder.appendingPathComponent("sana"))
    if asPublished { try TinyParts.publishSana(program.folder.appendingPathComponent("sana")) }
    let drawn = try program.run(words(sprint) + ["-o", "a.png"])
    #expect(drawn.status == 0 && drawn.errors.isEmpty, "\(drawn.errors)")
    let lines = try program.run(["info", "a.png"]).output.split(separator: "\n")
    let told = lines.map { $0.split(separator: " ").joined(separator: " ") }
    #expect(told.contains(sprint ? "Sampler scm" : "Sampler dpm++") && told.contains("CFG scale 4.5"))
    #expect(told.contains(sprint ? "Steps 2" : "Steps 3"))
    let again = try program.run(["--from", "a.png", "--model", "sana", "--quiet", "-o", "b.png"])
    #expect(again.status == 0 && again.errors.isEmpty)
    #expect(try program.data("a.png") == program.data("b.png"))

    for _ in 0..<2 {
      #expect(try program.run(words(sprint) + ["--text-cache", "cache", "-o", "b.png"]).status == 0)
      #expect(try program.data("a.png") == program.data("b.png"))
    }

    let negative = try program.run(words(sprint) + ["--negative", "snow", "-o", "c.png"])
    #expect(negative.errors.contains("guidance built into the model --negative counts for nothing") == sprint)
    #expect(negative.status == 0)

    let inspected = try program.run(["inspect", "sana"])
    #expect(inspected.status == 0 && inspected.output.contains("Mix-FFN"), "\(inspected.output)")
    let converted = try program.run(["convert", "sana", "small", "--type", "int8", "-q"])
    #expect(converted.status == 0, "\(converted.errors)")
    #expect(try program.run(["a fox", "--model", "small", "--steps", "1", "-q", "-o", "d.png"]).status == 0)
  }

  /// Parts that are not of a kind read here, or not there.
  @Test func missingPartsAreNamed() throws {
    let program = try Program()
    defer { program.remove() }
    for (part, status) in [("vae", Int32(66)), ("text_encoder", 66), ("transformer", 65)] {
      try TinyParts.writeSana(sprint: false, to: program.folder.appendingPathComponent("sana"))
      try FileManager.default.removeItem(at: program.folder.appendingPathComponent("sana/\(part)"))
      let result = try program.run(words(false))
      #expect(result.status == status && result.errorLines.count == 1 && result.errors.contains(part), "\(result.errors)")
      try FileManager.default.removeItem(at: program.folder.appendingPathComponent("sana"))
    }
  }
}
