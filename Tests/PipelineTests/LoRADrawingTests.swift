import DiTBatch
import DiTImage
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// Adapters of the whole model and of single pictures: named, drawn with, recorded and found again.
@Suite struct LoRADrawingTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (index, name) in ["one", "two"].enumerated() {
      try AdapterFile.micro(folder.file("\(name).safetensors"), seed: 100 * index)
    }
  }

  private func adapter(_ name: String, _ scale: Float = 1) throws -> LoRA {
    try LoRA(folder.file("\(name).safetensors"), scale: scale)
  }

  // MARK: prompts

  @Test(arguments: [
    ("a fox", "a fox", []), ("<lora:one:0.5> a fox", "a fox", ["one 0.5"]), ("a <lora:one:2> fox", "a fox", ["one 2.0"]),
    ("a fox <lora:one>, red", "a fox, red", ["one 1.0"]), ("a<lora:one:-1><LyCO:two:.5>", "a", ["one -1.0", "two 0.5"]),
    ("<lora:a b.c:0.3:0.8>", "", ["a b.c 0.8"]), ("a <lora:one fox", "a <lora:one fox", []),
    ("a < b <c> <lora", "a < b <c> <lora", []),
    ("a  <b", "a  <b", []), ("(a <lora:one:1>:1.2) fox", "(a:1.2) fox", ["one 1.0"]),
  ])
  func tagsAreTakenOut(_ prompt: String, rest: String, tags: [String]) throws {
    let (taken, found) = try LoRATags.taken(from: prompt)
    #expect(taken == rest || taken == rest.replacing(":1.2", with: " :1.2"))
    #expect(found.map { "\($0.name) \($0.scale)" } == tags)
  }

  @Test func tagsWithoutAnEndTakeNoTime() {
    let text = String(repeating: "<lora:a", count: 60_000)
    var rest: String?
    #expect(processorTime { rest = try? LoRATags.taken(from: text).prompt } < .seconds(20))
    #expect(rest == text)
  }

  @Test(arguments: ["<lora:>", "<lora::1>", "<lora:a:b>", "<lora:a:1:2:3>", "<lora:a:nan>", "<lora:a:101>", "<lora:a:>"])
  func oddTagsAreRefused(_ tag: String) {
    #expect(throws: LoRAUseError.tag(tag)) { try LoRATags.taken(from: "a fox \(tag)") }
  }

  @Test func namesAreOfTheFolderAlone() throws {
    var request = try MicroModel.request("a <lora:one:0.5> fox <lora:two.safetensors>")
    try request.takeAdapters(from: folder.url)
    let expected = [try adapter("one", 0.5), try adapter("two")]
    #expect(request.prompt == "a fox" && request.adapters == expected)
    let inner = try TemporaryFolder()
    for name in ["../one", "/etc/passwd", "..", ".", ".hidden", "a/b", "x\0y"] {
      #expect(throws: LoRAUseError.noName(name)) { try LoRAFolder(inner.url.path)?.find(name) }
    }
    let missing = #expect(throws: LoRAUseError.self) { try LoRAFolder(folder.url.path)?.find("three") }
    #expect(missing?.description.contains("it has one, two") == true)
  }

  // MARK: drawing

  @Test func everyPictureHasItsOwnAdapters() throws {
    let base = try MicroModel.request()
    var one = base, two = base
    one.adapters = [try adapter("one")]
    two.adapters = [try adapter("one", 0.5), try adapter("two")]
    let session = try MicroModel.session()
    let pictures = try [one, base, two, one].map { try session.draw([$0])[0].picture }
    #expect(pictures[0] == pictures[3] && Set(pictures.map(\.pixels)).count == 3)
    // The same, merged into the model when it is opened.
    var options = ModelOptions(adapters: one.adapters)
    let model = { (options: ModelOptions) in
      try TextToImage(
        ModelFolder(MicroModel.folder().url, options: options), backend: Backend(precision: .f32, threads: 1))
    }
    #expect(try model(options).draw([base])[0].picture == pictures[0])
    options.adapters = [two.adapters[0]]
    var rest = base
    rest.adapters = [two.adapters[1]]
    #expect(try model(options).draw([rest])[0].picture == pictures[2])
    #expect(!one.sharesRun(with: base) && !one.sharesRun(with: two))
    // Each set is merged once, in whatever order its pictures are asked for.
    let order = RequestGroups.batches([base, one, two, one, base, two], tokens: { _ in 4_096 })
    #expect(order == [[0], [4], [1], [3], [2], [5]])
  }

  @Test func aModelIsConvertedWithThem() throws {
    let options = ModelOptions(adapters: [try adapter("one", 0.7), try adapter("two")])
    let drawn = try TextToImage(
      ModelFolder(MicroModel.folder().url, options: options), backend: Backend(precision: .f32, threads: 1))
      .draw([MicroModel.request()])[0].picture
    for type in [StorageType.f16, .f32] {
      let target = folder.file("converted-\(type.rawValue)")
      try ModelConverter.convert(ModelFolder(MicroModel.folder().url, options: options), to: target, as: type)
      let again = try TextToImage(ModelFolder(target), backend: Backend(precision: .f32, threads: 1))
        .draw([MicroModel.request()])[0].picture
      #expect(again.pixels.elementsEqual(drawn.pixels), "\(type)")
    }
  }

  @Test func anAdapterThatDoesNotFitIsRefusedBeforeWeightsAreRead() throws {
    let options = ModelOptions(adapters: [try LoRA(Fixtures.url("lora/peft-dora"))])
    #expect(throws: (any Error).self) { try ModelFolder(MicroModel.folder().url, options: options) }
  }

  // MARK: what pictures say

  @Test func picturesSayWhichAndHowMuch() throws {
    let options = ModelOptions(adapters: [try adapter("one", 0.7)])
    let model = try ModelFolder(MicroModel.folder().url, options: options)
    var request = try MicroModel.request()
    request.adapters = [try adapter("two", -0.25)]
    let metadata = try PictureMetadata(model, backend: Backend(precision: .f32, threads: 1), version: "test")
    let parameters = metadata.parameters(of: request)
    #expect(parameters["LoRA"] == "one:0.7" && parameters["LoRA 2"] == "two:-0.25" && metadata.text.contains("one:0.7"))
    let file = folder.file("a.png")
    try Picture(width: 64, height: 64).write(to: file, texts: [parameters.pngText])
    let recipe = try Recipe(contentsOf: file)
    let all = options.adapters + request.adapters
    #expect(try recipe.adapters([], in: nil) == all)
    #expect(recipe.adapters.map(\.hash) == all.map { String($0.hash.prefix(10)) })

    // Moved, and found by the folder or by its new place; there the picture's scale holds unless another is said.
    let place = try TemporaryFolder()
    try FileManager.default.moveItem(at: folder.file("one.safetensors"), to: place.file("one.safetensors"))
    #expect(throws: RecipeError.self) { try recipe.adapters([], in: nil) }
    let found = try recipe.adapters([], in: LoRAFolder(place.url.path))[0]
    #expect(found == (try LoRA(place.file("one.safetensors"), scale: 0.7)))
    let named = { NamedLoRA(place.file("one.safetensors"), scale: $0) }
    #expect(try recipe.adapters([named(nil)], in: nil).map(\.scale) == [0.7, -0.25])
    #expect(try recipe.adapters([named(2)], in: nil).map(\.scale) == [2, -0.25])
    #expect(try recipe.adapters([named(nil), NamedLoRA(Fixtures.url("lora/peft-dora"), scale: nil)], in: nil).count == 3)
  }

  @Test(arguments: ["one", "one:", "one:x", "one:1e9", ":"])
  func damagedRecordsAreSaid(_ text: String) throws {
    var parameters = GenerationParameters(prompt: "a fox")
    for (key, value) in [("Steps", "2"), ("Sampler", "dpm++"), ("CFG scale", "4"), ("Seed", "1"), ("LoRA", text)] {
      parameters[key] = value
    }
    let file = folder.file("b.png")
    try Picture(width: 64, height: 64).write(to: file, texts: [parameters.pngText])
    #expect(throws: RecipeError.self) { try Recipe(contentsOf: file) }
  }
}
