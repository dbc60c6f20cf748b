import DiTCheckpoints
import DiTImage
import DiTModels
import DiTTensors
import Foundation
import Testing

/// Adapters as a user names them.
@Suite struct LoRATests {
  let program: Program
  private let quick = ["--model", "micro", "--steps", "2", "--seed", "1", "--quiet"]

  init() throws {
    program = try Program()
    _ = try program.run(["new", "--config", "micro", "micro", "--quiet"])
    try FileManager.default.createDirectory(at: program.folder.appendingPathComponent("loras"), withIntermediateDirectories: true)
    for (name, strength) in [("ink", Float(0.3)), ("pixel", -0.2)] {
      var writer = SafetensorsWriter(program.folder.appendingPathComponent("loras/\(name).safetensors"))
      let layer = "lora_unet_blocks_1_mlp_fc1"
      try writer.add(TensorName(layer + ".lora_down.weight"), Tensor((0..<96).map { Float($0 % 7) - 3 }, [2, 48]))
      try writer.add(TensorName(layer + ".lora_up.weight"), Tensor((0..<384).map { Float($0 % 5) * strength }, [192, 2]))
      try writer.write()
    }
  }

  private func draw(_ words: String..., to file: String) throws -> Data {
    let result = try program.run(words + quick + ["--output", file])
    #expect(result.status == 0, "\(words): \(result.errors)")
    return try program.data(file)
  }

  @Test func namedByPathByNameAndInThePrompt() throws {
    defer { program.remove() }
    let plain = try draw("a fox", to: "plain.png")
    let path = try draw("a fox", "--lora", "loras/ink.safetensors:0.5", to: "path.png")
    #expect(plain != path)
    #expect(try draw("a fox", "--lora", "ink:0.5", "--lora-folder", "loras", to: "name.png") == path)
    #expect(try draw("a <lora:ink:0.5> fox", "--lora-folder=loras", to: "tag.png") == path)
    let both = try draw("a fox <lora:pixel>", "--lora-model-dir", "loras", "--lora", "ink:0.5", to: "both.png")
    let again = try program.run(["--from", "both.png", "--quiet", "--output", "again.png"])
    #expect(again.status == 0 && again.errors.isEmpty)
    #expect(try program.data("again.png") == both)

    let place = program.folder.appendingPathComponent("elsewhere")
    try FileManager.default.moveItem(at: program.folder.appendingPathComponent("loras"), to: place)
    let gone = try program.run(["--from", "both.png", "--output", "x.png"])
    #expect(gone.status == 66 && gone.errorLines.count == 1 && gone.errors.contains("say with --lora"), "\(gone.errors)")
    #expect(try program.run(["--from", "both.png", "--lora-folder", "elsewhere", "--quiet", "--output", "y.png"]).status == 0)
    try FileManager.default.removeItem(at: place.appendingPathComponent("ink.safetensors"))
    try FileManager.default.copyItem(
      at: place.appendingPathComponent("pixel.safetensors"), to: place.appendingPathComponent("ink.safetensors"))
    let other = try program.run(["--from", "both.png", "--lora-folder", "elsewhere", "--quiet", "--output", "z.png"])
    #expect(other.status == 0 && other.errors.contains("the result will differ"))
  }

  @Test func aMergedModelDrawsTheSame() throws {
    defer { program.remove() }
    let converted = try program.run(["convert", "micro", "merged", "--lora", "loras/ink.safetensors:0.5", "--type", "f16", "-q"])
    #expect(converted.status == 0, "\(converted.errors)")
    let merged = ["--model", "merged", "--steps", "2", "--seed", "1", "--quiet", "--output", "merged.png"]
    #expect(try program.run(["a fox"] + merged).status == 0)
    _ = try draw("a fox", "--lora", "loras/ink.safetensors:0.5", to: "drawn.png")
    let pictures = try ["merged.png", "drawn.png"].map { try Picture(contentsOf: program.folder.appendingPathComponent($0)) }
    #expect(pictures[0].pixels == pictures[1].pixels)
    let inspected = try program.run(["inspect", "micro", "--lora", "loras/ink.safetensors"])
    #expect(inspected.status == 0 && inspected.output.contains("kohya") && inspected.output.contains("fits micro"))
  }

  @Test func linesOfABatchHaveTheirOwn() throws {
    defer { program.remove() }
    let lines = "a fox --seed 1\na fox <lora:ink:0.5> --seed 1\na fox --seed 1 --lora loras/ink.safetensors:0.5\n"
    try Data(lines.utf8).write(to: program.folder.appendingPathComponent("p.txt"))
    let batch = ["batch", "p.txt", "--output", "out", "--model", "micro", "--steps", "2", "--lora-folder", "loras", "--quiet"]
    #expect(try program.run(batch).output.split(separator: "\n").count == 3)
    let alone = try draw("a fox <lora:ink:0.5>", "--lora-folder", "loras", to: "alone.png")
    #expect(try program.data("out/0002-a-fox.png") == alone && program.data("out/0003-a-fox.png") == alone)
    #expect(try program.data("out/0001-a-fox.png") == draw("a fox", to: "plain.png"))
    #expect(try program.run(batch).output.isEmpty)
    let manifest = String(decoding: try program.data("out/manifest.jsonl"), as: UTF8.self)
    #expect(manifest.contains(#""loras": ["ink:0.5"]"#))
    try Data(lines.replacing("<lora:ink:0.5>", with: "<lora:ink:0.6>").utf8)
      .write(to: program.folder.appendingPathComponent("p.txt"))
    #expect(try program.run(batch).output == "out/0002-a-fox.png\n")
  }

  @Test func wordsOfTaughtAdaptersAreEnough() throws {
    defer { program.remove() }
    let place = program.folder.appendingPathComponent(".data/dit-t2i/adapters")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let base = try ModelFingerprint(ModelFolder(program.folder.appendingPathComponent("micro"))).hash
    let record = TaughtRecord(word: "my fox", base: "micro", baseHash: base, captions: 1, settings: "")
    var writer = SafetensorsWriter(place.appendingPathComponent("my-fox.safetensors"), metadata: record.metadata)
    try writer.add("base_model.model.blocks.1.mlp.fc1.lora_A.weight", Tensor((0..<96).map { Float($0 % 7) - 3 }, [2, 48]))
    try writer.add("base_model.model.blocks.1.mlp.fc1.lora_B.weight", Tensor((0..<384).map { Float($0 % 5) * 0.3 }, [192, 2]))
    try writer.write()

    let loud = Array(quick.dropLast())
    let drawn = try program.run(["my fox"] + loud + ["--output", "fox.png"])
    #expect(drawn.status == 0 && drawn.errors.contains("\"my fox\": drawn with the LoRA my-fox (--no-lora"), "\(drawn.errors)")
    let plain = try draw("my fox", "--no-lora", to: "plain.png")
    #expect(try program.data("fox.png") != plain)
    #expect(try draw("my fox", to: "quiet.png") == program.data("fox.png"))
    // The same by its name, though a folder of pictures has it too.
    try FileManager.default.createDirectory(
      at: program.folder.appendingPathComponent("my-fox"), withIntermediateDirectories: true)
    #expect(try draw("my fox", "--lora", "my-fox", to: "named.png") == program.data("fox.png"))
    // Drawn again as it was: with it, or without.
    for name in ["fox.png", "plain.png"] {
      let again = try program.run(["--from", name, "--quiet", "--output", "again.png"])
      #expect(again.status == 0 && again.errors.isEmpty)
      #expect(try program.data("again.png") == program.data(name))
    }
    #expect(try program.run(["models"]).output.contains("my-fox  \"my fox\", taught to micro"))
    try Data("my fox --seed 1\na fox --seed 1\n".utf8).write(to: program.folder.appendingPathComponent("p.txt"))
    let batch = try program.run(["batch", "p.txt", "--output", "out", "--model", "micro", "--steps", "2"])
    #expect(batch.status == 0 && batch.errors.contains("drawn with the LoRA my-fox"))
    #expect(try program.data("out/0001-a-my-fox.png") == program.data("fox.png"))
    #expect(try program.data("out/0002-a-fox.png") == draw("a fox", "--no-lora", to: "other.png"))
  }

  @Test func fewStepsByTheModelsOwnAdapter() throws {
    defer { program.remove() }
    let loud = ["--model", "micro", "--seed", "1"]
    let without = try program.run(["a fox", "--fast"] + loud + ["--output", "x.png"])
    #expect(without.status == 64 && without.errorLines.count == 1, "\(without.errors)")
    #expect(without.errors.contains("micro has no adapter for few steps"))

    let file = program.folder.appendingPathComponent("micro/fast.safetensors")
    let write = { (steps: String) in
      var writer = SafetensorsWriter(file, metadata: ["dit_t2i.steps": steps])
      try writer.add("base_model.model.blocks.1.mlp.fc1.lora_A.weight", Tensor((0..<96).map { Float($0 % 7) - 3 }, [2, 48]))
      try writer.add("base_model.model.blocks.1.mlp.fc1.lora_B.weight", Tensor((0..<384).map { Float($0 % 5) * 0.3 }, [192, 2]))
      try writer.write()
    }
    for steps in ["0", "17", "-1", "many", ""] {
      try write(steps)
      let wrong = try program.run(["a fox", "--fast"] + loud + ["--output", "x.png"])
      #expect(wrong.status == 65 && wrong.errorLines.count == 1 && wrong.errors.contains("dit_t2i.steps"), "\(wrong.errors)")
    }
    try write("3")
    let drawn = try program.run(["a fox", "--fast", "--json"] + loud + ["--output", "fast.png"])
    #expect(drawn.status == 0 && drawn.errors.isEmpty && drawn.output.contains(#""steps":3"#), "\(drawn.errors)")
    let words = ["--lora", "micro/fast.safetensors", "--sampler", "ddim", "--sigmas", "linear", "--steps", "3", "--guidance", "1"]
    #expect(try program.run(["a fox"] + words + loud + ["--output", "spelled.png"]).status == 0)
    let spelled = try program.data("spelled.png")
    #expect(try program.data("fast.png") == spelled)
    #expect(try draw("a fox", to: "plain.png") != spelled)

    try Data("a fox --fast --seed 1\n".utf8).write(to: program.folder.appendingPathComponent("p.txt"))
    #expect(try program.run(["batch", "p.txt", "--output", "out", "--model", "micro", "--quiet"]).status == 0)
    #expect(try program.data("out/0001-a-fox.png") == spelled)
    let noted = try program.run(["a fox", "--fast", "--negative", "snow"] + loud + ["--output", "noted.png"])
    #expect(noted.status == 0 && noted.errors.contains("--negative counts for nothing"))

    // Drawn again as it was; and where the model has moved, with what is there.
    for words in [[], ["--fast"]] {
      let again = try program.run(["--from", "fast.png", "--quiet", "--output", "again.png"] + words)
      #expect(again.status == 0 && again.errors.isEmpty, "\(again.errors)")
      #expect(try program.data("again.png") == spelled)
    }
    #expect(try program.run(["convert", "micro", "other/micro", "--type", "f16", "-q"]).status == 0)
    try FileManager.default.removeItem(at: file)
    let moved = try program.run(["--from", "fast.png", "--model", "other/micro", "--quiet", "--output", "moved.png"])
    #expect(moved.status == 0, "\(moved.errors)")
    let pictures = try ["moved.png", "fast.png"].map { try Picture(contentsOf: program.folder.appendingPathComponent($0)) }
    #expect(pictures[0].pixels == pictures[1].pixels)
  }

  @Test(arguments: [
    (["a <lora:ink:1>"], 64, "--lora-folder"), (["a <lora:../x:1>", "--lora-folder", "loras"], 64, "no path"),
    (["a <lora:blue:1>", "--lora-folder", "loras"], 66, "it has ink, pixel"), (["a", "--lora", "blue"], 66, "blue"),
    (["a", "--lora", "loras/ink.safetensors:x"], 64, "expected a scale"), (["a", "--lora", "micro/transformer"], 65, "no LoRA"),
    (["a", "--lora", "loras/ink.safetensors:1e3"], 64, "expected a scale"), (["a <lora:ink:b>"], 64, "expected <lora:NAME>"),
  ])
  func whatIsWrongIsOneLine(_ words: [String], status: Int32, text: String) throws {
    defer { program.remove() }
    let result = try program.run(words + quick + ["--output", "x.png"])
    #expect(result.status == status && result.errors.contains(text) && result.errorLines.count == 1, "\(result.errors)")
    #expect(try !program.files().contains("x.png"))
  }
}
