import DiTCheckpoints
import DiTImage
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

/// A model of each kind, from its folder or file to a picture.
@Suite struct DrawingTests {
  let tiny: TinyModels

  init() throws { tiny = try TinyModels() }

  private let onlyVAE = ModelOptions(autoencoder: TinyModels.vae)

  /// Not a flat area: something was drawn.
  private func isAlive(_ picture: Picture) -> Bool { Set(picture.pixels).count > 20 }

  @Test func diffusersDiT() throws {
    let url = try tiny.diffusersDiT()
    let model = try ModelFolder(url)
    #expect(model.nativeSize == PictureSize(width: 64, height: 64) && model.sizeStep == 16)
    #expect(model.defaults.channels == .all && model.defaultRequest.guidanceScale == 4)
    #expect(try model.classIndex("res 7") == 7 && model.classIndex("thing 7, res 7") == 7 && model.classIndex("7") == 7)
    let first = try draw(model, className: "thing 3")
    #expect(isAlive(first.picture))
    #expect(try draw(model, className: "4").picture != first.picture)
    // The two arithmetics differ by a third on these weights.
    let official = try ModelFolder(url, options: ModelOptions(compatibility: .official))
    #expect(official.defaults.channels == .official)
    #expect(try draw(official, className: "thing 3").picture != first.picture)
    #expect(throws: ModelError.self) { try draw(model, prompt: "a fox") }
    let wide = try draw(model, className: "1", size: PictureSize(width: 96, height: 64))
    #expect((wide.picture.width, wide.picture.height) == (96, 64) && isAlive(wide.picture))
  }

  @Test func officialFile() throws {
    let checkpoint = Fixtures.url("dit-official/p2/checkpoint.pt")
    #expect(throws: ModelError.self) { try ModelFolder(checkpoint) }
    let model = try ModelFolder(checkpoint, options: onlyVAE)
    let sizes = try #require(model.transformer as? DiTConfiguration)
    #expect(sizes.hiddenSize == 36 && sizes.depth == 2 && sizes.patchSize == 2 && sizes.classes == 10)
    #expect(sizes.learnsVariance && sizes.timestepDivisor == 128 && sizes.sampleSize == [8, 8])
    // The averaged weights, and not the others in the file.
    let drawn = try draw(model, className: "3").picture
    #expect(isAlive(drawn))
    let same = try ModelFolder(Fixtures.url("dit-official/p2/model.safetensors"), options: onlyVAE)
    #expect(try draw(same, className: "3").picture == drawn)
  }

  @Test func pixArtAlpha() throws {
    let model = try ModelFolder(tiny.pixArt())
    #expect(model.maximumTokens == 120 && model.defaultRequest.guidanceScale == 4.5 && model.defaults.channels == .all)
    let first = try draw(model, prompt: "a fox").picture
    #expect(isAlive(first))
    #expect(try draw(model, prompt: "  A FOX ").picture == first)
    #expect(try draw(model, prompt: "an owl").picture != first)
    #expect(throws: ModelError.self) { try model.classIndex("1") }
  }

  /// Of a size that was trained at: drawn at the bin of its aspect, then scaled and cut.
  @Test func pixArtBins() throws {
    let model = try ModelFolder(tiny.pixArt("PixArtSigmaPipeline", "bins", fields: [
      "sample_size": .number(32), "use_additional_conditions": .bool(false), "interpolation_scale": .number(0.5),
    ]))
    #expect(model.maximumTokens == 300)
    let wanted = PictureSize(width: 256, height: 144)
    #expect(model.sizePlan(for: wanted) == .reduced(from: PictureSize(width: 336, height: 192)))
    let backend = try Backend(.native, precision: .f32, threads: 2)
    var request = model.defaultRequest
    (request.size, request.steps, request.prompt) = (wanted, 2, "a fox")
    var image: [Int] = []
    let session = try TextToImage(model, backend: backend).makeSession()
    let drawn = try session.draw([request], probe: { if $0 == .image { image = $1.shape } })
    #expect(image == [1, 3, 192, 336])
    #expect((drawn[0].picture.width, drawn[0].picture.height) == (256, 144) && isAlive(drawn[0].picture))
    #expect(drawn[0].request.size == wanted)
  }

  @Test func pixArtFile() throws {
    let file = Fixtures.url("pixart/micro-conditions/original.pth")
    try tiny.textEncoder(in: "parts")
    #expect(throws: ModelError.self) { try ModelFolder(file, options: onlyVAE) }
    let model = try ModelFolder(
      file, options: ModelOptions(autoencoder: TinyModels.vae, textEncoder: tiny.folder.file("parts")))
    let sizes = try #require(model.transformer as? PixArtConfiguration)
    #expect(sizes.readsExtent && sizes.captionSize == 24 && sizes.depth == 2 && sizes.sampleSize == 16)
    #expect(isAlive(try draw(model, prompt: "a fox").picture))
  }

  @Test func uvit() throws {
    let model = try ModelFolder(Fixtures.url("uvit/class/model.safetensors"), options: onlyVAE)
    #expect(model.transformer.askableClasses == 10 && model.defaultRequest.guidanceScale == 1.4)
    let first = try draw(model, className: "3").picture
    #expect(isAlive(first))
    #expect(try draw(model, className: "4").picture != first)
    #expect(throws: UViTError.self) { try draw(model, size: PictureSize(width: 128, height: 64)) }
  }

  /// Every kind of model, written again as a folder, draws the same picture.
  @Test(arguments: ["dit-official/p2/checkpoint.pt", "uvit/class/model.safetensors", "pixart/micro-conditions/original.pth"])
  func convertsToFolder(_ path: String) throws {
    try tiny.textEncoder(in: "parts")
    let options = ModelOptions(autoencoder: TinyModels.vae, textEncoder: tiny.folder.file("parts"))
    let model = try ModelFolder(Fixtures.url(path), options: options)
    let prompt = model.text == nil ? "" : "a fox"
    let expected = try draw(model, prompt: prompt).picture
    try ModelConverter.convert(model, to: tiny.folder.file("f32"), as: .f32)
    #expect(try draw(ModelFolder(tiny.folder.file("f32")), prompt: prompt).picture == expected)
    for type in [StorageType.bf16, .int8] {
      try ModelConverter.convert(model, to: tiny.folder.file(type.rawValue), as: type)
      let close = try draw(ModelFolder(tiny.folder.file(type.rawValue)), prompt: prompt).picture
      let difference = zip(close.pixels, expected.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      #expect(difference < 20 * expected.pixels.count, "\(type)")
    }
    #expect(throws: ConversionError.self) { try ModelConverter.convert(model, to: tiny.folder.file("f32"), as: .f32) }
  }

  /// Cached states are used, and damaged ones are made again.
  @Test func textCache() throws {
    let model = try ModelFolder(tiny.pixArt())
    let cache = tiny.folder.file("cache")
    let expected = try draw(model, prompt: "a fox").picture
    #expect(try draw(model, prompt: "a fox", cache: cache).picture == expected)
    let files = try FileManager.default.contentsOfDirectory(at: cache, includingPropertiesForKeys: nil)
    #expect(files.count == 2)  // the prompt, and the empty text
    #expect(try draw(model, prompt: "a fox", cache: cache).picture == expected)
    for file in files {
      let old = try openCheckpoint(at: file)
      let states = try old.tensor("states")
      var writer = SafetensorsWriter(file, metadata: old.metadata)
      try writer.add("states", Tensor(states.array.map { -3 * $0 }, states.shape))
      try writer.write()
    }
    #expect(try draw(model, prompt: "a fox", cache: cache).picture != expected)
    for file in files { try Data("{}".utf8).write(to: file) }
    #expect(try draw(model, prompt: "a fox", cache: cache).picture == expected)
    #expect(try openCheckpoint(at: files[0]).contains("states"))
  }
}
