import DiTAutoencoder
import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTText
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

/// U-ViT from text: a file of weights with a CLIP, as it is published.
@Suite struct UViTTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let parts = Fixtures.url("uvit-t2i/b")
  static let file = parts.appendingPathComponent("uvit/model.safetensors")

  private func options(vae: String = "vae") -> ModelOptions {
    ModelOptions(
      autoencoder: Self.parts.appendingPathComponent(vae), textEncoder: Self.parts.appendingPathComponent("text_encoder"))
  }

  private func picture(_ model: ModelFolder, _ prompt: String, negative: String = "") throws -> [UInt8] {
    var request = model.defaultRequest
    (request.prompt, request.negativePrompt, request.steps, request.seed) = (prompt, negative, 4, 3)
    let backend = try Backend(.native, precision: .f32, threads: 1)
    return try TextToImage(model, backend: backend).makeSession().draw([request])[0].picture.pixels
  }

  @Test func drawsAsItsAuthors() throws {
    let model = try ModelFolder(Self.file, options: options())
    #expect(model.maximumTokens == 6 && model.nativeSize == PictureSize(width: 12, height: 12))
    let request = model.defaultRequest
    #expect(request.sampler == "dpm++3s" && request.steps == 50 && request.guidanceScale == 2)
    // Its autoencoder is Stable Diffusion's, which tells another scale than it was trained with.
    #expect(model.autoencoder.overriddenScale == 0.18215 && model.notes.contains { $0.contains("0.2301") })
    let (dogs, cats) = (try picture(model, "two dogs"), try picture(model, "six cats"))
    #expect(dogs != cats && Set(dogs).count > 10)
    #expect(try picture(model, "two dogs", negative: "cats") != dogs)
  }

  /// Its CLIP is large beside it: it is read for new words, and released behind them.
  @Test func theEncoderIsReleased() throws {
    let backend = try Backend(.native, precision: .f32, threads: 1)
    let model = try TextToImage(ModelFolder(Self.file, options: options()), backend: backend)
    let shelf = try #require(model.stages.textEncoder)
    weak var used: CLIPTextEncoder?
    for _ in 0..<2 {
      let width = try shelf.use { encoder in
        used = encoder as? CLIPTextEncoder
        return used?.width
      }
      #expect(width == 20 && used == nil)
    }
  }

  /// The tokens are told by the tokenizer, where positions and patches agree with it; else they are CLIP's 77.
  @Test func aFileAlone() throws {
    try FileManager.default.copyItem(at: Self.file, to: folder.file("mscoco.safetensors"))
    let model = try ModelFolder(folder.file("mscoco.safetensors"), options: options())
    let sizes = try #require(model.transformer as? UViTConfiguration)
    #expect(sizes.text?.tokens == 6 && sizes.sampleSize == 6)
    var longer = options()
    longer.tokenizer = folder.file("tokenizer")
    try FileManager.default.copyItem(at: Self.parts.appendingPathComponent("tokenizer"), to: folder.file("tokenizer"))
    try FileManager.default.removeItem(at: folder.file("tokenizer/tokenizer_config.json"))
    #expect(throws: LoadError.self) { try ModelFolder(folder.file("mscoco.safetensors"), options: longer) }
  }

  /// 1 is as written, 0 as if the word were not there, and what lies between is between.
  @Test func wordsHaveWeights() throws {
    let model = try ModelFolder(Self.file, options: options())
    let plain = try picture(model, "two dogs")
    #expect(try picture(model, "two (dogs:1)") == plain)
    #expect(try picture(model, "two (dogs:1.5)") != plain)
    #expect(try picture(model, "two (dogs:1.5)") != picture(model, "(two:1.5) dogs"))
    // All words off: what is left is the empty text, but for the end token behind them and its padding.
    #expect(try picture(model, "(two dogs:0)") != plain)
  }

  @Test func writtenAgainItIsTheSame() throws {
    let model = try ModelFolder(Self.file, options: options())
    let expected = try picture(model, "two dogs")
    try ModelConverter.convert(model, to: folder.file("f32"), as: .f32)
    let written = try ModelFolder(folder.file("f32"))
    // The folder tells the scale that is used.
    #expect(written.autoencoder.overriddenScale == nil && written.notes.isEmpty && written.maximumTokens == 6)
    #expect(try picture(written, "two dogs") == expected)
    // Another autoencoder in its place does not change what it was trained with.
    #expect(try ModelFolder(folder.file("f32"), options: ModelOptions(autoencoder: Self.parts.appendingPathComponent("vae")))
      .autoencoder.overriddenScale == 0.18215)
  }

  /// TAESD takes the latents of Stable Diffusion's own scale.
  @Test func tinyAutoencodersGetTheirScale() throws {
    let scaling = LatentScaling(factor: 0.2301)
    let latents = try Tensor((0..<2 * 2 * 4).map { sin(Float($0)) }, [1, 4, 2, 2])
    let backend = try Backend(.native, precision: .f32, threads: 1)
    let plain = try AutoencoderSource(TinyModels.vae).load(backend: backend, encoder: true)
    let own = try AutoencoderSource(TinyModels.vae, scaling: scaling, overriding: true).load(backend: backend, encoder: true)
    let scaled = try Tensor(latents.array.map { $0 * (0.18215 / 0.2301) }, latents.shape)
    #expect(try own.decode(latents).array == plain.decode(scaled).array)
    let picture = try plain.decode(latents)
    #expect(try zip(own.encode(picture).array, plain.encode(picture).array).allSatisfy { abs($0 - $1 * 0.2301 / 0.18215) < 1e-4 })
  }

  @Test func whatDoesNotFitIsSaid() throws {
    #expect {
      _ = try ModelFolder(Self.file, options: ModelOptions(autoencoder: Self.parts.appendingPathComponent("vae")))
    } throws: { "\($0)".contains("text encoder") && "\($0)".contains("--text-encoder") }
    // An encoder with fewer places than the model has tokens.
    let text = try String(contentsOf: Self.parts.appendingPathComponent("text_encoder/config.json"), encoding: .utf8)
    try FileManager.default.copyItem(at: Self.parts.appendingPathComponent("text_encoder"), to: folder.file("text_encoder"))
    try FileManager.default.copyItem(at: Self.parts.appendingPathComponent("tokenizer"), to: folder.file("tokenizer"))
    try Data(text.replacing("\"max_position_embeddings\": 6", with: "\"max_position_embeddings\": 5").utf8)
      .write(to: folder.file("text_encoder/config.json"))
    var short = options()
    short.textEncoder = folder.file("text_encoder")
    #expect { _ = try ModelFolder(Self.file, options: short) } throws: { "\($0)".contains("places for 5 tokens") }
  }
}
