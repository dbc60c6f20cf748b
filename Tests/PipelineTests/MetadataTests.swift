import DiTAutoencoder
import DiTImage
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

/// A picture says which model drew it, and what of that model lies elsewhere.
@Suite struct MetadataTests {
  let tiny: TinyModels

  init() throws { tiny = try TinyModels() }

  private func parameters(_ folder: ModelFolder, _ locator: ModelLocator = ModelLocator()) throws -> GenerationParameters {
    try PictureMetadata(folder, backend: Backend(precision: .f32, threads: 1), version: "test", locator: locator)
      .parameters(of: folder.defaultRequest)
  }

  /// As `--from` reads it.
  private func recipe(_ parameters: GenerationParameters) throws -> Recipe {
    let file = tiny.folder.file("\(UUID()).png")
    try Picture(width: 64, height: 64).write(to: file, texts: [parameters.pngText])
    return try Recipe(contentsOf: file)
  }

  @Test func partsThatLieElsewhereAreFoundAgain() throws {
    let checkpoint = Fixtures.url("dit-official/p2/checkpoint.pt")
    var options = ModelOptions(autoencoder: TinyModels.vae, compatibility: .diffusers)
    options.tiling = .side(64)
    let model = try ModelFolder(checkpoint, options: options)
    let written = try parameters(model)
    #expect(written["DiT compatibility"] == "diffusers" && written["VAE tile"] == "64")
    let recipe = try recipe(written)
    let again = try ModelFolder(
      URL(fileURLWithPath: #require(recipe.modelPlace)), options: recipe.completing(ModelOptions(), named: nil))
    #expect(again.tiling == .side(64) && again.options.compatibility == .diffusers)
    #expect(try ModelFingerprint(again).short == recipe.modelHash)
    #expect(try parameters(again) == written)
    #expect(try draw(again, className: "3").picture == draw(model, className: "3").picture)
    // What the user says holds; another model has parts of its own.
    options.compatibility = .official
    let named = try recipe.completing(options, named: "elsewhere/checkpoint.pt")
    #expect(named.compatibility == .official && named.autoencoder == TinyModels.vae)
    let other = try recipe.completing(ModelOptions(), named: "small")
    #expect(other.autoencoder == nil && other.compatibility == nil && other.tiling == .side(64))
  }

  @Test func aTextEncoderIsFoundAgain() throws {
    try tiny.textEncoder(in: "parts")
    let options = ModelOptions(autoencoder: TinyModels.vae, textEncoder: tiny.folder.file("parts"))
    let recipe = try recipe(parameters(ModelFolder(Fixtures.url("pixart/micro-conditions/original.pth"), options: options)))
    let found = try recipe.completing(ModelOptions(), named: nil)
    #expect(found.textEncoder?.path == tiny.folder.file("parts").path)
    try FileManager.default.removeItem(at: tiny.folder.file("parts"))
    #expect(throws: RecipeError.self) { try recipe.completing(ModelOptions(), named: nil) }
  }

  @Test func pathsAreWholeButForTheHome() throws {
    let home = FileManager.default.homeDirectoryForCurrentUser
    var parameters = GenerationParameters(fields: [
      .init("Steps", "1"), .init("Sampler", "ddim"), .init("CFG scale", "1"), .init("Seed", "1"), .init("Size", "64x64"),
    ])
    parameters["VAE"] = "~/"
    #expect(try recipe(parameters).completing(ModelOptions(), named: nil).autoencoder?.path == home.path)
    for (key, wrong) in [("VAE tile", "wide"), ("VAE tile", "1"), ("DiT compatibility", "none")] {
      var parameters = parameters
      parameters[key] = wrong
      #expect(throws: RecipeError.self, "\(key): \(wrong)") { try recipe(parameters) }
    }
    // Pictures of older versions say none of it.
    parameters["VAE"] = nil
    let old = try recipe(parameters)
    #expect(old.modelHash == nil && old.modelPlace == nil)
    #expect(try old.completing(ModelOptions(), named: nil).autoencoder == nil)
  }

  /// Of a bundled model's usual picture.
  @Test func theUsualPictureSaysNoMoreThanTheHash() throws {
    let locator = ModelLocator(executable: Fixtures.repository.appendingPathComponent(".build/release/dit-t2i"))
    let written = try parameters(ModelFolder(locator.locate("small")), locator)
    #expect(
      written.fields.map(\.key) == [
        "Steps", "Sampler", "CFG scale", "Seed", "Size", "Model", "Model hash", "Precision", "Version",
      ])
    #expect(written["Model hash"]?.wholeMatch(of: /[0-9a-f]{10}/) != nil)
  }

  @Test func fingerprintsTellWeightsApartAndNotPlaces() throws {
    let model = try MicroModel.folder()
    let copy = tiny.folder.file("copy")
    try FileManager.default.copyItem(at: model.url, to: copy)
    let print = try ModelFingerprint(model)
    #expect(try ModelFingerprint(ModelFolder(copy)) == print)
    let file = copy.appendingPathComponent("transformer/diffusion_pytorch_model.safetensors")
    var bytes = try Data(contentsOf: file)
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: file)
    #expect(try ModelFingerprint(ModelFolder(copy)) != print)
    // A single file may have any name.
    let checkpoint = Fixtures.url("dit-official/p2/checkpoint.pt"), renamed = tiny.folder.file("renamed.pt")
    try FileManager.default.copyItem(at: checkpoint, to: renamed)
    let prints = try [checkpoint, renamed].map {
      try ModelFingerprint(ModelFolder($0, options: ModelOptions(autoencoder: TinyModels.vae)))
    }
    #expect(prints[0] == prints[1])
  }
}
