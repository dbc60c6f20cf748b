import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// Everything a user can get wrong ends in one line, the documented exit code, and no file.
@Suite(.serialized) struct BadInputTests {
  let program: Program

  init() throws { program = try Program() }

  private func expectOneLine(
    _ arguments: [String], status: Int32, saying words: String..., location: SourceLocation = #_sourceLocation
  ) throws {
    let result = try program.run(arguments)
    #expect(result.status == status, "\(arguments): \(result.status) \(result.errors)", sourceLocation: location)
    #expect(result.errorLines.count == 1, "\(result.errors)", sourceLocation: location)
    #expect(result.output.isEmpty, sourceLocation: location)
    for word in words {
      #expect(result.errors.contains(word), "\"\(word)\" in: \(result.errors)", sourceLocation: location)
    }
  }

  @Test func options() throws {
    defer { program.remove() }
    try expectOneLine(["fox", "--size", "100x100"], status: 64, saying: "100x100", "96x96")
    try expectOneLine(["fox", "--size", "2000x64"], status: 64, saying: "1024x64")
    try expectOneLine(["fox", "--size", "9223372036854775807x64"], status: 64, saying: "1024x64")
    try expectOneLine(["fox", "--size", "0x64"], status: 64, saying: "--size")
    try expectOneLine(["fox", "--size", "axb"], status: 64, saying: "--size")
    try expectOneLine(["fox", "--steps", "0"], status: 64, saying: "--steps", "1 to 1000")
    try expectOneLine(["fox", "--steps", "1001"], status: 64, saying: "--steps", "1 to 1000")
    try expectOneLine(["fox", "--guidance", "nan"], status: 64, saying: "guidance")
    try expectOneLine(["fox", "--guidance", "inf"], status: 64, saying: "guidance")
    try expectOneLine(["fox", "--guidance=-1"], status: 64, saying: "guidance")
    try expectOneLine(["fox", "--guidance-parallel", "1.5"], status: 64, saying: "parallel", "0 to 1")
    try expectOneLine(["compare", "fox", "--class", "fox", "--guidance", "3,101"], status: 64, saying: "101")
    try expectOneLine(["inspect", "--cpu", "--table"], status: 64, saying: "--cpu", "alone")
    try expectOneLine(["fox", "--respacing", "1\u{1B}[31m\u{9B}2J\n3"], status: 64, saying: "1\\u{1B}[31m\\u{009B}2J 3")
    try expectOneLine(["fox", "--sampler", "magic"], status: 64, saying: "magic", "dpm++", "ddim", "ddpm")
    try expectOneLine(["fox", "--class", "foxx"], status: 64, saying: "foxx", "\"fox\"")
    try expectOneLine(["fox", "--class", "982"], status: 64, saying: "982")
    try expectOneLine(["fox", "--class=-1"], status: 64, saying: "-1")
    try expectOneLine(["fox", "--seed", "-2"], status: 64, saying: "seed", "-1", "1,5,9")
    try expectOneLine(["fox", "--seed", "x"], status: 64, saying: "seed", "4294967295")
    try expectOneLine(["fox", "--seed", "1,2", "--count", "2"], status: 64, saying: "--count", "seeds")
    try expectOneLine(["fox", "--steps", "-1"], status: 64, saying: "-1", "1 to 1000")
    try expectOneLine(["fox", "--size", "big"], status: 64, saying: "big", "384x256")
    try expectOneLine(["fox", "--sigmas", "foo"], status: 64, saying: "foo", "leading", "karras")
    try expectOneLine(["fox", "--guidance-interval", "500"], status: 64, saying: "200,900")
    try expectOneLine(["fox", "--class", "5000"], status: 64, saying: "0 to 981")
    try expectOneLine(["fox", "-o", ""], status: 64, saying: "--output", "file")
    try expectOneLine(["fox", "-o", "-", "--count", "2"], status: 64, saying: "one picture")
    try expectOneLine(["fox", "--from", "a.png", "--variation", "a.png"], status: 64, saying: "one of them")
    try expectOneLine(["fox", "--count", "0"], status: 64, saying: "count")
    try expectOneLine(["fox", "--threads", "0"], status: 64, saying: "threads")
    try expectOneLine(["fox", "--precision", "f8"], status: 64, saying: "precision")
    try expectOneLine(["fox", "--backend", "openblas", "--precision", "bf16"], status: 64, saying: "openblas")
    try expectOneLine(["fox", "--colour", "red"], status: 64, saying: "--colour")
    #expect(try program.files().isEmpty)
  }

  @Test func promptsThatAreOddButLegal() throws {
    defer { program.remove() }
    let quick = ["--steps", "1", "--size", "64x64", "--seed", "1", "-o", "a.png"]
    for prompt in [String(repeating: "red fox ", count: 12_500), "🦊", "\n", "e\u{301}"] {
      let result = try program.run([prompt] + quick)
      #expect(result.status == 0, "\(result.errors)")
    }
  }

  @Test func outputs() throws {
    defer { program.remove() }
    let quick = ["fox", "--steps", "1", "--size", "64x64"]
    try Data().write(to: program.folder.appendingPathComponent("file"))
    try expectOneLine(quick + ["-o", "file/a.png"], status: 73, saying: "file", "no folder")
    try expectOneLine(quick + ["-o", "/dev/full"], status: 73, saying: "/dev/full", "No space left")
    try expectOneLine(quick + ["-o", "/proc/a.png"], status: 73, saying: "/proc")
    #expect(try program.files() == ["file"])
  }

  @Test func recipes() throws {
    defer { program.remove() }
    try expectOneLine(["--from", "missing.png"], status: 66, saying: "missing.png")
    try Data("not a picture".utf8).write(to: program.folder.appendingPathComponent("text.png"))
    try expectOneLine(["--from", "text.png"], status: 65, saying: "text.png")
    let plain = Fixtures.url("image/random.png").path
    try expectOneLine(["--from", plain], status: 65, saying: "does not say how it was made")
  }

  @Test func models() throws {
    defer { program.remove() }
    try expectOneLine(["fox", "--model", "huge"], status: 66, saying: "huge", "models")
    try FileManager.default.createDirectory(
      at: program.folder.appendingPathComponent("empty"), withIntermediateDirectories: true)
    try expectOneLine(["fox", "--model", "empty"], status: 66, saying: "empty", "no checkpoint in this folder")
  }

  /// One thing wrong in an otherwise good model folder.
  @Test func brokenModels() throws {
    defer { program.remove() }
    let weights = "transformer/diffusion_pytorch_model.safetensors"
    func replace(_ path: String, _ change: @escaping (Data) throws -> Data) -> (URL) throws -> Void {
      { folder in
        let url = folder.appendingPathComponent(path)
        let data = try change(Data(contentsOf: url))
        try FileManager.default.removeItem(at: url)
        try data.write(to: url)
      }
    }
    func edit(_ from: String, _ to: String) -> (Data) -> Data {
      { Data(String(decoding: $0, as: UTF8.self).replacingOccurrences(of: from, with: to).utf8) }
    }
    func expect(_ change: @escaping (URL) throws -> Void, saying: String...) throws {
      let model = try program.brokenModel(change)
      let result = try program.run(["fox", "--model", model, "--steps", "1"])
      #expect(result.status == 65 || result.status == 66, "\(result.status) \(result.errors)")
      #expect(result.errorLines.count == 1, "\(result.errors)")
      for word in saying { #expect(result.errors.contains(word), "\"\(word)\" in: \(result.errors)") }
    }
    try expect(replace(weights) { $0.prefix($0.count / 2) }, saying: "diffusion_pytorch_model.safetensors")
    try expect(replace(weights) { _ in Data() }, saying: "diffusion_pytorch_model.safetensors")
    try expect({ try FileManager.default.removeItem(at: $0.appendingPathComponent(weights)) }, saying: "transformer")
    try expect(replace(weights) { data in
      var data = data  // same length, another name
      let name = Data("blocks.3.attn.proj.bias".utf8), other = Data("blocks.3.attn.prof.bias".utf8)
      if let range = data.range(of: name) { data.replaceSubrange(range, with: other) }
      return data
    }, saying: "blocks.3.attn.proj.bias")
    try expect(replace("transformer/config.json", edit("\"hidden_size\": 384", "\"hidden_size\": 768")), saying: "shape")
    try expect(replace("transformer/config.json", edit("\"depth\": 12", "\"depth\": 13")), saying: "blocks.12")
    try expect(replace("transformer/config.json", edit("\"depth\": 12", "\"depth\": -1")), saying: "depth")
    try expect(replace("transformer/config.json", edit("\"num_heads\": 6", "\"num_heads\": 0")), saying: "num_heads")
    try expect(replace("transformer/config.json", { _ in Data("{".utf8) }), saying: "config.json")
    try expect(replace("transformer/config.json", edit("DiTText", "UNet")), saying: "UNet")
    try expect(replace("classes.json", { _ in Data("[\"one\"]".utf8) }), saying: "classes.json")
    try expect(replace("vae/config.json", edit("\"latent_channels\": 8", "\"latent_channels\": 4")), saying: "latents_mean")
    try expect(replace("scheduler/scheduler_config.json", edit("0.02", "2.0")), saying: "beta")
    try expect(
      { try FileManager.default.removeItem(at: $0.appendingPathComponent("tokenizer/spiece.model")) }, saying: "spiece.model")
    try expect(replace("tokenizer/spiece.model", { $0.prefix(999) }), saying: "spiece.model")
  }

  @Test func otherCommands() throws {
    defer { program.remove() }
    try expectOneLine(["verify", "nowhere"], status: 66, saying: "nowhere", "no such folder")
    try expectOneLine(["verify", Fixtures.root.path, "--group", "nonsense"], status: 64, saying: "nonsense", "text-dit")
    try expectOneLine(["convert", "small", "/proc/x"], status: 73, saying: "/proc/x")
    try FileManager.default.createDirectory(at: program.folder.appendingPathComponent("there"), withIntermediateDirectories: true)
    try expectOneLine(["convert", "small", "there"], status: 73, saying: "there", "exists")
  }

  @Test func helpIsNotAnError() throws {
    defer { program.remove() }
    for arguments in [["--help"], ["draw", "--help"], ["verify", "--help"], []] {
      let result = try program.run(arguments)
      #expect(result.status == 0 && result.output.contains("USAGE") && result.errors.isEmpty)
    }
    #expect(try program.run(["--version"]).output.hasPrefix("dit-t2i "))
  }
}
