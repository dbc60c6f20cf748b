import DiTCheckpoints
import DiTDiffusion
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

/// SANA and SANA-Sprint as folders, as files, and in numbers.
@Suite struct SanaTests {
  private let tiny: TinyModels

  init() throws { tiny = try TinyModels() }

  private func model(sprint: Bool, _ name: String = "sana") throws -> ModelFolder {
    try TinyParts.writeSana(sprint: sprint, to: tiny.folder.file(name))
    return try ModelFolder(tiny.folder.file(name))
  }

  private func pixels(
    _ model: ModelFolder, seed: UInt64 = 1, _ change: (inout GenerationRequest) -> Void = { _ in }
  ) throws -> [UInt8] {
    var request = model.defaultRequest
    (request.prompt, request.seed, request.steps) = ("a red fox", seed, 2)
    change(&request)
    return try TextToImage(model, backend: Backend(precision: .f32, threads: 1)).draw([request])[0].picture.pixels
  }

  // MARK: what the folders say

  @Test func foldersTellHowTheyAreDrawn() throws {
    let base = try model(sprint: false), sprint = try model(sprint: true, "sprint")
    #expect(base.defaultsInWords == "dpm++, 20 steps, guidance 4.5" && sprint.defaultsInWords == "scm, 2 steps, guidance 4.5")
    #expect(base.scheduler.schedule.path == .straight(shift: 3, scale: 1000))
    #expect(sprint.scheduler.schedule.path == .straight(shift: 1, scale: 1))
    for model in [base, sprint] {
      #expect(model.notes.isEmpty && model.maximumTokens == 300 && model.scheduler.refusal == nil)
      #expect(model.text?.prepared(" A Red Fox ") == "a red fox")
    }
    // The same without the scheduler's file.
    for (name, words) in [("sana", base.defaultsInWords), ("sprint", sprint.defaultsInWords)] {
      try FileManager.default.removeItem(at: tiny.folder.file(name + "/scheduler"))
      let bare = try ModelFolder(tiny.folder.file(name))
      #expect(bare.defaultsInWords == words)
      #expect(bare.scheduler.schedule.path == (name == "sana" ? base : sprint).scheduler.schedule.path)
    }
  }

  /// Another sampler changes the steps, and leaves the scale of guidance where it is no matter of branches.
  @Test func anotherSamplerKeepsEmbeddedGuidance() throws {
    let sprint = try model(sprint: true), base = try model(sprint: false, "base")
    var request = sprint.defaultRequest
    sprint.use("euler", for: &request)
    #expect(request.guidanceScale == 4.5)
    sprint.use("scm", for: &request)
    #expect(request.steps == 2 && request.guidanceScale == 4.5)
    request = base.defaultRequest
    base.use("scm", for: &request)
    #expect(request.steps == 2 && request.guidanceScale == 1)
  }

  @Test(arguments: [
    ("\"qk_norm\": \"layer_norm\"", "qk_norm"), ("\"mlp_ratio\": 0", "mlp_ratio"), ("\"mlp_ratio\": 1e9", "mlp_ratio"),
    ("\"cross_attention_head_dim\": 5", "cross-attention"), ("\"norm_elementwise_affine\": true", "norm_elementwise_affine"),
    ("\"interpolation_scale\": 0", "interpolation_scale"), ("\"timestep_scale\": -1", "timestep_scale"),
    ("\"out_channels\": 5", "out_channels"), ("\"num_layers\": 100000", "num_layers"), ("\"norm_eps\": 1e-5", "norm_eps"),
    ("\"guidance_embeds\": true", "time_embed.timestep_embedder"), ("\"num_layers\": 3", "transformer_blocks.2"),
  ])
  func wrongFieldsAreNamed(_ field: String, _ named: String) throws {
    _ = try model(sprint: false)
    let key = try #require(field.split(separator: ":").first.map(String.init))
    let url = tiny.folder.file("sana/transformer/config.json")
    let text = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
      .map { $0.contains(key + ":") ? "  \(field)," : String($0) }.joined(separator: "\n")
    try Data(text.replacing(",\n}", with: "\n}").utf8).write(to: url)
    do {
      _ = try pixels(ModelFolder(tiny.folder.file("sana")))
      Issue.record("\(field) was taken")
    } catch {
      let line = "\(error)"
      #expect(line.contains(named) && line.contains("sana/transformer") && !line.contains("\n"), "\(line)")
    }
  }

  // MARK: drawing

  @Test(arguments: [false, true])
  func picturesDependOnWhatTheyAreTold(sprint: Bool) throws {
    let model = try model(sprint: sprint)
    let plain = try pixels(model)
    #expect(try pixels(model) == plain)
    #expect(try pixels(model) { $0.prompt = "a blue car" } != plain)
    #expect(try pixels(model) { $0.guidanceScale = 2 } != plain)
    // Sprint has no second branch, which a negative prompt would be told to.
    #expect(try (pixels(model) { $0.negativePrompt = "snow" } == plain) == sprint)
  }

  @Test(arguments: [false, true])
  func batchesAndThreadsChangeNothing(sprint: Bool) throws {
    let model = try model(sprint: sprint)
    var requests = [model.defaultRequest, model.defaultRequest, model.defaultRequest]
    for (index, prompt) in ["a fox", "", "two cats in snow"].enumerated() {
      (requests[index].prompt, requests[index].seed, requests[index].steps) = (prompt, UInt64(index), 2)
      requests[index].size = PictureSize(width: 96, height: 64)
    }
    let together = try TextToImage(model, backend: Backend(precision: .f32, threads: 2)).draw(requests)
    for (request, picture) in zip(requests, together) {
      let alone = try TextToImage(model, backend: Backend(precision: .f32, threads: 1)).draw([request])[0]
      #expect(alone.picture == picture.picture)
    }
  }

  @Test func attentionToWordsAndLoRA() throws {
    let model = try model(sprint: false)
    var request = model.defaultRequest
    (request.prompt, request.steps) = ("a fox", 2)
    var maps = 0
    let session = try TextToImage(model, backend: Backend(precision: .f32, threads: 1)).makeSession()
    try session.draw([request], recordingAttention: true) { if case .attention = $0 { maps += 1 } }
    #expect(maps == 2)
    let adapted = try ModelFolder(
      tiny.folder.file("sana"),
      options: ModelOptions(adapters: [LoRA(Fixtures.url("lora/sana/pytorch_lora_weights.safetensors"), scale: 0.5)]))
    #expect(try pixels(adapted) != pixels(model))
  }

  /// Written as another folder, a model is the same; under NVlabs' names too.
  @Test(arguments: [false, true])
  func convertsAndReadsOtherNames(sprint: Bool) throws {
    let model = try model(sprint: sprint)
    let plain = try pixels(model)
    try ModelConverter.convert(model, to: tiny.folder.file("written"), as: .f32)
    #expect(try pixels(ModelFolder(tiny.folder.file("written"))) == plain)

    let stored = try openCheckpoint(at: model.weights)
    let source = CheckpointParameters(stored, names: model.transformer.names(in: stored))
    let file = tiny.folder.file("nvlabs/sana.safetensors")
    try tiny.folder.copy(model.weights.appendingPathComponent("config.json"), to: "nvlabs/config.json")
    var writer = SafetensorsWriter(file)
    for parameter in try model.transformer.listing().parameters {
      try writer.add(TensorName("module." + parameter.name), source.tensor(parameter))
    }
    // What a file of NVlabs has besides.
    for name in ["pos_embed", "y_embedder.y_embedding", "logvar_linear.weight"] {
      try writer.add(TensorName("module." + name), Tensor([1, 64, 24]))
    }
    try writer.write()
    let options = ModelOptions(autoencoder: TinyModels.vae, textEncoder: model.url)
    let original = try ModelFolder(file, options: options)
    #expect(try pixels(original) == plain)
    try ModelConverter.convert(original, to: tiny.folder.file("diffusers"), as: .f32)
    #expect(try pixels(ModelFolder(tiny.folder.file("diffusers"))) == plain)
    // Heads of other sizes than the published ones are in no tensor.
    try FileManager.default.removeItem(at: tiny.folder.file("nvlabs/config.json"))
    #expect { try ModelFolder(file, options: options) } throws: { "\($0)".contains("config.json") }
  }

  // MARK: numbers

  private static func published(
    _ depth: Int, _ width: Int, sprint: Bool = false, normed: Bool = false
  ) -> SanaConfiguration {
    var configuration = SanaConfiguration(
      depth: depth, hiddenSize: width, crossHeads: width == 1152 ? 16 : 20, innerSize: width * 5 / 2)
    (configuration.readsGuidance, configuration.normalisesQueries) = (sprint, sprint || normed)
    return configuration
  }

  /// Of the configurations as diffusers builds them.
  @Test func publishedSizes() throws {
    for (configuration, millions) in [
      (Self.published(28, 1152), 591.7), (Self.published(20, 2240), 1604.5), (Self.published(60, 2240, normed: true), 4721.8),
      (Self.published(28, 1152, sprint: true), 593.5), (Self.published(20, 2240, sprint: true), 1610.2),
    ] {
      let count = try configuration.listing().parameters.reduce(0) { $0 + $1.count }
      #expect(abs(Double(count) / 1e6 - millions) < 0.06, "\(configuration.summary): \(count)")
    }
    // Four times the tokens, four times the work.
    let costs = try [32, 64].map { side in
      try Self.published(28, 1152).costs(grid: Grid(height: side, width: side), textTokens: 20).multiplyAdds(.step)
    }
    #expect(Double(costs[1]) / Double(costs[0]) < 4.001)
  }

  /// A file of the published kind tells all by its tensors, and its name the size.
  @Test(arguments: [(1152, false, 16), (2240, true, 20)])
  func filesTellTheirSizes(width: Int, sprint: Bool, crossHeads: Int) throws {
    var wanted = Self.published(1, width, sprint: sprint)
    (wanted.captionSize, wanted.innerSize) = (8, 16)
    let file = tiny.folder.file("Sana_512px.safetensors")
    var writer = SafetensorsWriter(file)
    for parameter in try wanted.listing().parameters { try writer.add(parameter, seed: 1, as: .bf16) }
    try writer.write()
    let words = "a SANA transformer; 1 blocks of width \(width), patches of 1, 32 latent channels, text of 8"
    #expect(try describeFile(file).hasPrefix(words))
    let shapes = try TensorShapes(openCheckpoint(at: file))
    let found = try #require(try SanaFamily.layouts[0].configuration(shapes, ModelHints()) as? SanaConfiguration)
    #expect(found.heads == width / 32 && found.crossHeads == crossHeads && found.innerSize == 16 && found.isSizeAssumed)
    #expect(found.readsGuidance == sprint && found.normalisesQueries == sprint && found.interpolationScale == nil)
    let named = try NativeSize.applied(to: found, nil, file: file, factor: 32)
    #expect(named.transformer.latentSize == [16, 16] && named.note?.contains("512 pixels are taken from its name") == true)
    #expect((found.trained(at: 128) as? SanaConfiguration)?.interpolationScale == 2)
    // The configuration that is written for it is read back as the same.
    let again = try found.fields.decoded(as: SanaConfiguration.self)
    #expect(again.fields == found.fields && again.guidanceFactor == 0.1)
  }
}
