import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTImage
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

/// Models as people have them from the hub, from other programs and from training.
@Suite struct PublishedTests {
  let tiny: TinyModels

  init() throws { tiny = try TinyModels() }

  /// An `AutoencoderKL` with random numbers in `name`, with its latents' scale; nil: a file without a configuration.
  private func autoencoder(_ name: String, scale: Double?) throws {
    let sizes = Array(repeating: JSONValue.number(32), count: 4)
    var fields: [String: JSONValue] = ["_class_name": .string("AutoencoderKL"), "block_out_channels": .array(sizes)]
    let configuration = try JSONValue.object(fields).decoded(as: AutoencoderKLConfiguration.self)
    let url = tiny.folder.file(name + (scale == nil ? "" : "/diffusion_pytorch_model.safetensors"))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    var writer = SafetensorsWriter(url)
    for parameter in try configuration.listing().parameters { try writer.add(parameter, seed: 1, as: .bf16) }
    try writer.write()
    guard let scale else { return }
    fields["scaling_factor"] = .number(scale)
    try write(fields, to: name + "/config.json")
  }

  private func write(_ fields: [String: JSONValue], to name: String) throws {
    try tiny.folder.write(String(decoding: try JSONEncoder().encode(JSONValue.object(fields)), as: UTF8.self), to: name)
  }

  /// PixArt that is not told the size, whose folder says α.
  private func untold(_ name: String, side: Double = 64) throws -> URL {
    try tiny.pixArt("PixArtAlphaPipeline", name, fields: [
      "use_additional_conditions": .bool(false), "sample_size": .number(side), "interpolation_scale": .number(side / 64),
    ])
  }

  // MARK: PixArt-Σ

  @Test func sigmaByItsAutoencoder() throws {
    let folder = try untold("m")
    try FileManager.default.removeItem(at: folder.appendingPathComponent("vae"))
    try autoencoder("m/vae", scale: 0.13025)
    let sigma = try ModelFolder(folder)
    #expect(sigma.maximumTokens == 300 && sigma.notes.isEmpty)
    try autoencoder("m/vae", scale: 0.18215)
    #expect(try ModelFolder(folder).maximumTokens == 120)
    try autoencoder("sdxl", scale: 0.13025)
    #expect(try ModelFolder(folder, options: ModelOptions(autoencoder: tiny.folder.file("sdxl"))).maximumTokens == 300)
    // The transformer alone, with parts named.
    let parts = ModelOptions(autoencoder: tiny.folder.file("sdxl"), textEncoder: folder)
    #expect(try ModelFolder(folder.appendingPathComponent("transformer"), options: parts).maximumTokens == 300)
    #expect(throws: ModelError.self) { try ModelFolder(folder.appendingPathComponent("transformer")) }
    // Where the autoencoder does not tell, the folder does that the text encoder is of.
    try autoencoder("m/vae", scale: 0.13025)
    let lent = ModelOptions(autoencoder: TinyModels.vae, textEncoder: folder)
    #expect(try ModelFolder(folder.appendingPathComponent("transformer"), options: lent).maximumTokens == 300)
    #expect(try ModelFolder(folder, options: ModelOptions(autoencoder: TinyModels.vae)).maximumTokens == 300)
  }

  @Test func sigmaByOtherSigns() throws {
    #expect(try ModelFolder(untold("large", side: 128)).maximumTokens == 300)
    let folder = try untold("words")
    try tiny.folder.write(#"{"model_max_length": 300}"#, to: "words/tokenizer/tokenizer_config.json")
    #expect(try ModelFolder(folder).maximumTokens == 300)
    try tiny.folder.write(#"{"model_max_length": 120}"#, to: "words/tokenizer/tokenizer_config.json")
    #expect(try ModelFolder(folder).maximumTokens == 120)
    // α alone is told the size.
    let alpha = try tiny.pixArt("PixArtAlphaPipeline", "alpha")
    try autoencoder("sdxl", scale: 0.13025)
    #expect(try ModelFolder(alpha, options: ModelOptions(autoencoder: tiny.folder.file("sdxl"))).maximumTokens == 120)
  }

  /// A bare file does not tell the scale of its latents: the model does, or its name; a note says what was taken.
  @Test(arguments: [
    ("PixArtAlphaPipeline", "a/sdxl_vae.safetensors", "0.13025", 300), ("PixArtAlphaPipeline", "b/vae.safetensors", "0.18215", 120),
    ("PixArtSigmaPipeline", "c/vae.safetensors", "0.13025", 300),
    ("PixArtAlphaPipeline", "models--madebyollin--sdxl-vae-fp16-fix/snapshots/a/x.safetensors", "0.13025", 300),
  ])
  func bareAutoencoder(_ pipeline: String, _ name: String, scale: String, tokens: Int) throws {
    let folder = try untold("m")
    try tiny.folder.write(#"{"_class_name": "\#(pipeline)"}"#, to: "m/model_index.json")
    try autoencoder(name, scale: nil)
    let model = try ModelFolder(folder, options: ModelOptions(autoencoder: tiny.folder.file(name)))
    #expect(model.maximumTokens == tokens)
    #expect(model.notes.count == 1 && model.notes[0].contains(scale), "\(model.notes)")
    let sizes = try #require(model.autoencoder.configuration as? AutoencoderKLConfiguration)
    #expect("\(sizes.scaling.factor)" == scale)
    // Written as a folder, the scale is in it.
    try ModelConverter.convert(model, to: tiny.folder.file("written"), as: .f32)
    let written = try ModelFolder(tiny.folder.file("written"))
    let again = try #require(written.autoencoder.configuration as? AutoencoderKLConfiguration)
    #expect(again.scaling == sizes.scaling && written.maximumTokens == tokens && written.notes.isEmpty)
  }

  // MARK: sizes

  /// PixArt under the original's names, without positions and without what tells the size.
  private func withoutPositions(_ name: String) throws -> URL {
    let source = try openCheckpoint(at: Fixtures.url("pixart/micro-conditions/original.pth"))
    var writer = SafetensorsWriter(tiny.folder.file(name))
    let told = ["pos_embed", "csize_embedder", "ar_embedder", "y_embedder.y_embedding"]
    for record in source.records where !told.contains(where: record.name.string.hasPrefix) { try writer.add(record) }
    try writer.write()
    return tiny.folder.file(name)
  }

  @Test(arguments: [
    ("PixArt-Sigma-XL-2-256x256.safetensors", 256, "256 pixels are taken from its name"),
    ("PixArt-Sigma-XL-2-2K-MS.safetensors", 2048, "2048 pixels are taken from its name"),
    ("sigma.safetensors", 1024, "1024 pixels are assumed"), ("model.safetensors", 512, "512 pixels are assumed"),
    ("7256x1.safetensors", 512, "512 pixels are assumed"),
  ])
  func sizesThatNobodyStores(_ name: String, side: Int, note: String) throws {
    let file = try withoutPositions(name)
    try tiny.textEncoder(in: "parts")
    var options = ModelOptions(autoencoder: TinyModels.vae, textEncoder: tiny.folder.file("parts"))
    let model = try ModelFolder(file, options: options)
    #expect(model.nativeSize == PictureSize(width: side, height: side) && model.defaultRequest.size == model.nativeSize)
    #expect(model.notes.first?.contains(note) == true && model.notes[0].contains("--base-size"))
    options.baseSize = 256
    let asked = try ModelFolder(file, options: options)
    #expect(asked.nativeSize == PictureSize(width: 256, height: 256) && asked.notes.isEmpty)
    // Recorded, whether asked for or assumed; the same for --from.
    for (model, side) in [(model, side), (asked, 256)] {
      let backend = try Backend(.native, precision: .f32, threads: 1)
      let text = try PictureMetadata(model, backend: backend, version: "0").parameters(of: model.defaultRequest)
      #expect(text["Base size"] == String(side))
    }
    options.baseSize = 250
    #expect { _ = try ModelFolder(file, options: options) } throws: { "\($0)".contains("250 pixels are not a multiple of 16") }
  }

  @Test func sizesThatAreKnown() throws {
    var options = ModelOptions(autoencoder: TinyModels.vae)
    options.baseSize = 512
    #expect {
      _ = try ModelFolder(Fixtures.url("uvit/class/model.safetensors"), options: options)
    } throws: { "\($0)".contains("trained at 64 pixels") }
    #expect(try ModelFolder(tiny.diffusersDiT(), options: options).nativeSize == PictureSize(width: 512, height: 512))
    options.baseSize = 64
    #expect(try ModelFolder(Fixtures.url("uvit/class/model.safetensors"), options: options).nativeSize.width == 64)
  }

  /// A model that was trained at more than 1024 pixels draws so; one at more than 2048 draws the nearest.
  @Test func largeModels() throws {
    let model = try ModelFolder(untold("two", side: 256))
    #expect(model.usualSize == PictureSize(width: 2048, height: 2048) && model.notes.isEmpty)
    #expect(model.usualSizeNote?.contains("a step takes 4 to 16 times as long") == true)
    try model.check(model.defaultRequest)
    var request = model.defaultRequest
    request.size.width = 2064
    #expect { try model.check(request) } throws: { "\($0)".contains("from 64 to 2048; the nearest legal size is 2048x2048") }
    let larger = try ModelFolder(untold("four", side: 512))
    #expect(larger.usualSize == PictureSize(width: 2048, height: 2048))
    #expect(larger.usualSizeNote?.contains("4096x4096, which is not drawn here: 2048x2048 is the nearest") == true)
    try larger.check(larger.defaultRequest)
    let usual = try ModelFolder(untold("one", side: 64))
    #expect(usual.sizeLimits == 64...1024 && usual.usualSizeNote == nil)
  }

  // MARK: files

  /// What a program puts before the names does not change the picture.
  @Test(arguments: [
    "dit-official/p2/model.safetensors", "dit-diffusers/p2/diffusion_pytorch_model.safetensors",
    "pixart/micro-conditions/original.pth", "uvit/class/model.safetensors",
  ])
  func prefixesOfOtherPrograms(_ path: String) throws {
    try tiny.textEncoder(in: "parts")
    let options = ModelOptions(autoencoder: TinyModels.vae, textEncoder: tiny.folder.file("parts"))
    let source = try openCheckpoint(at: Fixtures.url(path))
    try tiny.folder.copy(Fixtures.url(path), to: "plain/weights")  // without the configuration beside it
    let plain = try ModelFolder(tiny.folder.file("plain/weights"), options: options)
    let prompt = plain.text == nil ? "" : "a fox"
    let expected = try draw(plain, prompt: prompt).picture
    for prefix in ["module.", "_orig_mod.module.", "model.diffusion_model."] {
      let file = tiny.folder.file("prefixed.safetensors")
      var writer = SafetensorsWriter(file)
      for record in source.records { try writer.add(record, as: TensorName(prefix + record.name.string)) }
      try writer.write()
      #expect(try draw(ModelFolder(file, options: options), prompt: prompt).picture == expected, "\(prefix)")
    }
  }

  /// A `config.json` beside a named file is read where it is its own.
  @Test func configurationBesideAFile() throws {
    let folder = try tiny.diffusersDiT()
    let file = folder.appendingPathComponent("transformer/diffusion_pytorch_model.safetensors")
    let options = ModelOptions(autoencoder: TinyModels.vae)
    let whole = try ModelFolder(folder)
    #expect("\(try ModelFolder(file, options: options).transformer)" == "\(whole.transformer)")
    try tiny.folder.copy(file, to: "lone/x.safetensors")
    let place = tiny.folder.file("lone/x.safetensors")
    let lone = try #require(try ModelFolder(place, options: options).transformer as? DiTConfiguration)
    #expect(lone.heads != (whole.transformer as? DiTConfiguration)?.heads)
    try tiny.folder.copy(Fixtures.url("pixart/plain/config.json"), to: "lone/config.json")
    #expect("\(try ModelFolder(place, options: options).transformer)" == "\(lone)")
  }

  /// Of several files in a folder, the one that is a transformer.
  @Test func aFolderOfFiles() throws {
    try tiny.folder.copy(Fixtures.url("dit-official/p2/checkpoint.pt"), to: "files/dit.pth")
    for (half, first) in [("decoder", 1), ("encoder", 0)] {
      var writer = SafetensorsWriter(tiny.folder.file("files/taesd_\(half).pth"))
      for record in try openCheckpoint(at: TinyModels.vae).scoped(half + ".layers.").records {
        let parts = record.name.string.split(separator: ".", maxSplits: 1)
        try writer.add(record, as: TensorName("\((Int(parts[0]) ?? 0) + first).\(parts[1])"))
      }
      try writer.write()
    }
    let model = try ModelFolder(tiny.folder.file("files"), options: ModelOptions(autoencoder: tiny.folder.file("files")))
    #expect(model.transformer.hiddenSize == 36)
    #expect(try !Set(draw(model, className: "3").picture.pixels).isEmpty)
  }

  /// The text encoder as a file, its tokenizer as a `tokenizer.json` that is named.
  @Test func textEncoderAsAFile() throws {
    let folder = try tiny.pixArt()
    let expected = try draw(ModelFolder(folder), prompt: "a fox").picture
    try tiny.folder.copy(folder.appendingPathComponent("text_encoder/model.safetensors"), to: "t5/t5xxl_fp16.safetensors")
    var options = ModelOptions(
      autoencoder: folder.appendingPathComponent("vae"), textEncoder: tiny.folder.file("t5/t5xxl_fp16.safetensors"))
    // v1.0's own eps is that of all.
    #expect(try draw(ModelFolder(folder, options: options), prompt: "a fox").picture == expected)
    try tiny.folder.copy(folder.appendingPathComponent("transformer/config.json"), to: "alone/config.json")
    try tiny.folder.copy(
      folder.appendingPathComponent("transformer/diffusion_pytorch_model.safetensors"), to: "alone/model.safetensors")
    options.autoencoder = TinyModels.vae
    #expect {
      _ = try ModelFolder(tiny.folder.file("alone"), options: options)
    } throws: { "\($0)".contains("t5xxl_fp16.safetensors: there is no tokenizer") && "\($0)".contains("--tokenizer") }
    options.tokenizer = folder.appendingPathComponent("tokenizer/spiece.model")
    let model = try ModelFolder(tiny.folder.file("alone"), options: options)
    #expect(try draw(model, prompt: "a fox").picture == expected)
    let backend = try Backend(.native, precision: .f32, threads: 1)
    let text = try PictureMetadata(model, backend: backend, version: "0").parameters(of: model.defaultRequest)
    #expect(text["Tokenizer"]?.hasSuffix("tokenizer/spiece.model") == true)
  }

  // MARK: classes

  @Test func classesThatShareAName() throws {
    let folder = try tiny.diffusersDiT()
    let names = ["tench", "crane", "a, b", "crane", "4", "none", "b, c", "Tench", "x", "y"]
    let labels = names.enumerated().map { "\"\($0)\": \"\($1)\"" }.joined(separator: ", ")
    try tiny.folder.write(#"{"_class_name": "DiTPipeline", "id2label": {\#(labels)}}"#, to: "dit/model_index.json")
    let model = try ModelFolder(folder)
    for (name, indices) in [("crane", "1 or 3"), ("TENCH", "0 or 7"), ("b", "2 or 6")] {
      #expect { _ = try model.classIndex(name) } throws: { "\($0)".hasSuffix("give an index, \(indices)") }
    }
    #expect(try model.classIndex("a") == 2 && model.classIndex("c") == 6 && model.classIndex("3") == 3)
    let metadata = try PictureMetadata(
      model, backend: Backend(.native, precision: .f32, threads: 1), version: "0")
    for index in names.indices {
      var request = model.defaultRequest
      request.classIndex = index
      let text = metadata.parameters(of: request)
      #expect(text["Class"] == names[index])
      let found = try text["Class index"].flatMap { Int($0) } ?? model.classIndex(names[index])
      #expect(found == index)
      #expect((text["Class index"] == nil) == [2, 6, 8, 9, 4, 5].contains(index))
    }
  }

  // MARK: the hub's cache

  @Test func hubCache() throws {
    let source = try tiny.pixArt()
    let cache = tiny.folder.file("hub/models--PixArt-alpha--PixArt-XL-2--512")
    for (snapshot, isWhole) in [("0aaa", false), ("1bbb", true)] {
      for path in FileManager.default.enumerator(atPath: source.path)?.compactMap({ $0 as? String }) ?? [] where path.contains(".") {
        let blob = path.replacing("/", with: "-"), link = cache.appendingPathComponent("snapshots/\(snapshot)/\(path)")
        try tiny.folder.copy(
          source.appendingPathComponent(path), to: "hub/\(cache.lastPathComponent)/blobs/\(blob)")
        try FileManager.default.createDirectory(at: link.deletingLastPathComponent(), withIntermediateDirectories: true)
        let up = String(repeating: "../", count: path.split(separator: "/").count + 1)
        if isWhole || path.hasSuffix("index.json") {
          try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: up + "blobs/" + blob)
        }
      }
    }
    #expect { _ = try ModelFolder(cache) } throws: { "\($0)".contains("holds 2 models, name one: 0aaa, 1bbb") }
    try tiny.folder.write("1bbb\n", to: "hub/\(cache.lastPathComponent)/refs/main")
    let expected = try draw(ModelFolder(source), prompt: "a fox").picture
    let inside = ["snapshots", "snapshots/1bbb"].map(cache.appendingPathComponent)
    for place in [cache, tiny.folder.file("hub")] + inside {
      let model = try ModelFolder(place)
      #expect(model.name == "PixArt-XL-2--512")
      #expect(try draw(model, prompt: "a fox").picture == expected)
    }
    try tiny.folder.write("", to: "hub/models--other--x/snapshots/a/f")
    #expect { _ = try ModelFolder(tiny.folder.file("hub")) } throws: { "\($0)".contains("holds 2 models") }
    // Parts of it, too.
    let options = ModelOptions(autoencoder: TinyModels.vae, textEncoder: cache)
    #expect(try ModelFolder(source.appendingPathComponent("transformer"), options: options).maximumTokens == 120)
  }
}
