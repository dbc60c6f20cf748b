import DiTDiffusion
import DiTImage
import DiTModels
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// What a user can choose about a run changes the picture, and is read back from it byte for byte.
@Suite struct OptionTests {
  private static let changes: [(name: String, change: @Sendable (inout GenerationRequest) -> Void)] = [
    ("Sigmas", { $0.spacing = .karras }),
    ("Respacing", { $0.respacing = "3,2" }),
    ("Eta", { ($0.sampler, $0.eta) = ("ddim", 0.7) }),
    ("Guidance channels", { $0.guidanceChannels = .official }),
    ("Guidance interval", { $0.guidanceInterval = 300...800.5 }),
    ("Guidance parallel", { $0.guidanceParallel = 0.25 }),
    ("Cache", { ($0.steps, $0.cacheThreshold) = (12, 0.5) }),
    ("Guidance every", { $0.guidanceEvery = 2 }),
    ("CFG scale", { $0.guidanceScale = 1.5 }),
    ("Class", { $0.classIndex = 3 }),
    ("Negative prompt", { $0.negativePrompt = "blue, \"odd\": things" }),
  ]

  @Test(arguments: changes.indices)
  func picturesSayHowTheyWereMade(_ index: Int) throws {
    let model = try MicroModel.model()
    let plain = try MicroModel.request()
    var request = plain
    OptionTests.changes[index].change(&request)
    let drawn = try model.draw([request])[0].picture
    #expect(drawn != (try model.draw([plain])[0].picture), "\(OptionTests.changes[index].name) changed nothing")

    let file = FileManager.default.temporaryDirectory.appendingPathComponent("dit-t2i-option-\(UUID()).png")
    defer { try? FileManager.default.removeItem(at: file) }
    let text = try PictureMetadata(model.folder, backend: model.backend, version: "test").parameters(of: request)
    try drawn.write(to: file, texts: [text.pngText])
    let recipe = try Recipe(contentsOf: file)
    var again = try #require(recipe.request)
    again.classIndex = try recipe.className.map(model.folder.classIndex)
    if request.respacing != nil { again.steps = request.steps }  // the metadata has the respacing's own number
    #expect(again == request)
    #expect(try model.draw([again])[0].picture == drawn)
  }

  @Test func respacingReplacesSteps() throws {
    let folder = try MicroModel.folder()
    var request = try MicroModel.request()
    request.respacing = "3,2"
    #expect(folder.steps(of: request) == 5)
    request.respacing = "3,,2"
    #expect(throws: DiffusionError.self) { try folder.check(request) }
  }

  @Test func wrongValuesAreRefusedInOneLine() throws {
    let folder = try MicroModel.folder()
    let wrong: [(inout GenerationRequest) -> Void] = [
      { $0.eta = 0.5 }, { ($0.sampler, $0.eta) = ("ddim", 1.5) }, { $0.guidanceInterval = -1...5 },
      { $0.guidanceInterval = 0...1000 }, { $0.guidanceParallel = -0.1 }, { $0.guidanceParallel = .nan },
      { ($0.steps, $0.cacheThreshold) = (12, 1.5) }, { ($0.steps, $0.cacheThreshold) = (12, .nan) },
      { ($0.steps, $0.cacheThreshold) = (8, 0.1) }, { $0.guidanceEvery = 0 }, { $0.guidanceEvery = 5 },
      { $0.strength = 0 }, { $0.respacing = "ddim999" }, { $0.steps = 0 },
      { $0.prompt = "a (red:9) fox" }, { $0.negativePrompt = "(blurry:4)" },
    ]
    for change in wrong {
      var request = try MicroModel.request()
      change(&request)
      do {
        try folder.check(request)
        Issue.record("not refused: \(request)")
      } catch {
        #expect(!"\(error)".contains("\n"))
      }
    }
  }

  @Test func sheetsNameWhatDiffersFromPlainGuidance() throws {
    var request = try MicroModel.request()
    request.guidanceScale = 4
    #expect(request.guidanceWords == "guidance 4")
    (request.guidanceParallel, request.guidanceInterval) = (0.5, 200...900)
    #expect(request.guidanceWords == "guidance 4, parallel 0.5, at 200,900")
  }

  /// Outside the interval the conditional branch alone is asked: a scale of any size is a scale of 1 there.
  @Test func anEmptyIntervalIsNoGuidance() throws {
    let model = try MicroModel.model()
    var request = try MicroModel.request()
    request.guidanceInterval = 0...0  // dpm++ never asks at timestep 0
    var without = try MicroModel.request()
    without.guidanceScale = 1
    #expect(try model.draw([request])[0].picture == model.draw([without])[0].picture)
    #expect(try model.multiplyAdds(of: request) == model.multiplyAdds(of: without))
    #expect(try model.multiplyAdds(of: request) < model.multiplyAdds(of: MicroModel.request()))
  }

  @Test func intervalsAreReadAndWritten() {
    #expect(TimestepInterval("300,800.5")?.description == "300,800.5")
    for text in ["", "300", "800,300", "a,b", "1,2,3", "nan,nan"] { #expect(TimestepInterval(text) == nil, "\(text)") }
  }
}
