import DiTImage
import Foundation
import Testing

/// `teach` from pictures to a prompt, ended in between, and what is wrong with one before anything is learnt.
@Suite struct TeachTests {
  let program: Program

  init() throws {
    program = try Program()
    _ = try program.run(["new", "--config", "micro", "micro", "--quiet"])
    for folder in ["pictures", "empty", "damaged", "pixel"] {
      try FileManager.default.createDirectory(at: program.folder.appendingPathComponent(folder), withIntermediateDirectories: true)
    }
    try Picture(width: 64, height: 64).write(to: program.folder.appendingPathComponent("pictures/a.png"))
    try Picture(width: 1, height: 1).write(to: program.folder.appendingPathComponent("pixel/a.png"))
    try Data("no picture".utf8).write(to: program.folder.appendingPathComponent("damaged/a.png"))
    try Data("x".utf8).write(to: program.folder.appendingPathComponent("taken.teaching"))
  }

  @Test(arguments: [
    (["my-fox"], 64, "pictures"), (["a/b", "pictures"], 64, "expected a name for a file"),
    (["", "pictures"], 64, "expected a name"),
    (["my-fox", "pictures", "--word", "!"], 64, "--word \"!\": expected a few words"),
    (["my-fox", "pictures", "--minutes", "5", "--samples", "40"], 64, "give one of them"),
    (["my-fox", "pictures", "--rank", "0"], 64, "1 to 128"),
    (["my-fox", "pictures", "--precision", "int8"], 64, "auto, f32 or bf16"),
    (["my-fox", "pictures", "--output", "fox.png"], 64, "the result is a .safetensors file"),
    (["my-fox", "empty"], 66, "empty: no picture"), (["my-fox", "gone"], 66, "cannot read gone"),
    (["my-fox", "pictures", "--model", "nowhere"], 66, "nowhere"),
    (["taken", "pictures", "--output", "./"], 73, "no run of teach made it"),
    (["my-fox", "pictures", "--class", "3", "--output", "./"], 64, "micro reads words: leave out --class"),
    (["my-fox", "damaged", "--output", "./"], 65, "damaged/a.png"), (["my-fox", "pixel", "--output", "./"], 65, "1x1 pixels"),
  ])
  func whatIsWrongIsOneLine(_ arguments: [String], status: Int32, text: String) throws {
    defer { program.remove() }
    let model = arguments.contains("--model") ? [] : ["--model", "micro"]
    let result = try program.run(["teach"] + arguments + model + ["--quiet"])
    #expect(result.status == status && result.errors.contains(text), "\(result.status) \(result.errors)")
    #expect(result.errorLines.count == 1, "\(result.errors)")
    #expect(try !program.files().contains { $0.hasSuffix(".safetensors") })
  }

  // MARK: to the end

  private var quick: [String] {
    ["pictures", "--model", "micro", "--samples", "400", "--rank", "2", "--precision", "f32", "--threads", "1"]
  }

  private func things() throws {
    for (number, color) in [0x2040C0, 0xE08020].enumerated() {
      var picture = Picture(width: 48, height: 48)
      for y in 12..<36 { for x in 16..<32 { picture[x, y] = Color(UInt32(color)) } }
      try picture.write(to: program.folder.appendingPathComponent("pictures/thing-\(number).png"))
    }
  }

  @Test func whatWasTaughtIsDrawnByItsWord() throws {
    defer { program.remove() }
    try things()
    let taught = try program.run(["teach", "my-block"] + quick)
    let place = program.folder.appendingPathComponent(".data/dit-t2i/adapters").path
    #expect(taught.status == 0, "\(taught.errors)")
    #expect(taught.output == "\(place)/my-block.safetensors\n\(place)/my-block.png\n")
    #expect(taught.errors.contains("3 pictures, 2 captions; the word is \"my block\""))
    #expect(try FileManager.default.contentsOfDirectory(atPath: place).sorted() == ["my-block.png", "my-block.safetensors"])
    let draw = ["--model", "micro", "--steps", "2", "--seed", "1", "--output"]
    let drawn = try program.run(["my block in snow"] + draw + ["a.png"])
    #expect(drawn.status == 0 && drawn.errors.contains("drawn with the LoRA my-block"), "\(drawn.errors)")
    #expect(try program.run(["my block in snow", "--no-lora"] + draw + ["b.png"]).status == 0)
    #expect(try program.data("a.png") != program.data("b.png"))
    let again = try program.run(["teach", "my-block"] + quick)
    #expect(again.status == 73 && again.errorLines.count == 1 && again.errors.contains("it was taught before"), "\(again.errors)")
  }

  @Test func aModelWithoutWordsLearnsAClass() throws {
    defer { program.remove() }
    try things()
    try program.makeClassModel()
    let teach = ["teach", "block", "pictures", "--model", "dit", "--samples", "40", "--output", "./"]
    let missing = try program.run(teach)
    #expect(missing.status == 64 && missing.errors.contains("dit reads no words: say with --class"), "\(missing.errors)")
    #expect(missing.errorLines.count == 1)
    #expect(try !program.files().contains("block.teaching"))
    let taught = try program.run(teach + ["--class", "thing 7"])
    #expect(taught.status == 0 && taught.errors.contains("--lora block --class 7"), "\(taught.errors)")
    let draw = ["--model", "dit", "--class", "7", "--steps", "2", "--seed", "1", "--quiet", "--output"]
    #expect(try program.run(draw + ["a.png"]).status == 0)
    #expect(try program.run(draw + ["b.png", "--lora", "./block.safetensors"]).status == 0)
    #expect(try program.data("a.png") != program.data("b.png"))
  }

  @Test func anEndedRunGoesOnToTheSameBytes() throws {
    defer { program.remove() }
    try things()
    #expect(try program.run(["teach", "whole"] + quick + ["--output", "./", "--word", "my block"]).status == 0)
    for (number, expected) in [(SIGINT, Int32(130)), (SIGTERM, 143), (SIGKILL, -9)] {
      let arguments = ["teach", "ended-\(number)"] + quick + ["--output", "./", "--word", "my block"]
      let process = try program.start(arguments)
      // In the midst of something, whatever it is by now.
      Thread.sleep(forTimeInterval: 1.5)
      kill(process.processIdentifier, number)
      process.waitUntilExit()
      let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
      #expect(status == expected || status == 0)
      if status != 0 { #expect(try program.run(arguments).status == 0) }
      #expect(try program.data("ended-\(number).safetensors") == program.data("whole.safetensors"))
    }
    #expect(try !program.files().contains { $0.hasSuffix(".teaching") && $0 != "taken.teaching" })
  }
}
