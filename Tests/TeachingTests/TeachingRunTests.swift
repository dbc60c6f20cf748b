import DiTBatch
import DiTErrors
import DiTFiles
import DiTImage
import DiTModels
import DiTTeaching
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// Runs from pictures to adapters, by a learner that learns nothing.
@Suite struct TeachingRunTests {
  let folder: TemporaryFolder
  private let backend: Backend
  private let model: ModelFolder

  init() throws {
    folder = try TemporaryFolder()
    for (number, name) in ["a.png", "b.png"].enumerated() {
      try folder.write(Pictures.thing(40 + number), to: "pictures/\(name)")
    }
    try folder.write(Pictures.photo(60, 40), to: "pictures/c.png")
    backend = try Backend(precision: .f32, threads: 1)
    model = try MicroModel.folder()
  }

  private struct Made {
    let run: TeachingRun
    let learner: ToyLearner
  }

  /// - Parameter fails: after how many steps the learner is killed.
  private func make(
    _ name: String, fails: Int? = nil, samples: Int? = 120, minutes: Double? = nil, rate: Double = 1e-3,
    saving: Duration = .zero, sheets: Duration = .seconds(1000)
  ) throws -> Made {
    let pictures = try TaughtPictures([folder.file("pictures")], captions: CaptionSources(unknown: { _ in ["x"] }))
    let settings = try TeachingSettings(
      wording: Wording(word: "my disc", isStyle: false), rank: 4, rate: rate, samples: samples, minutes: minutes,
      backend: backend, model: model, pictures: pictures)
    let kept = try TeachingFolder(folder.file("\(name).teaching"), settings)
    let learner = ToyLearner()
    learner.fails = fails
    let run = try TeachingRun(
      settings, pictures, model: model, backend: backend, folder: kept,
      target: folder.file("\(name).safetensors"), saving: saving, sheets: sheets) { _, _, _ in learner }
    return Made(run: run, learner: learner)
  }

  @Test func aRunLeavesAnAdapterAndAReport() throws {
    let made = try make("disc")
    var events: [TeachingRun.Event] = []
    let result = try made.run.run(report: { events.append($0) })
    #expect(result.samples == 120 && made.learner.planned == 120)
    #expect(folder.names == ["disc.png", "disc.safetensors", "pictures"])
    let adapter = try LoRA(result.adapter)
    #expect(adapter.word == "my disc" && adapter.notes.isEmpty)
    try adapter.check(fits: model.url)
    let entry = try #require(TaughtAdapters(in: folder.url).entries.first)
    #expect(entry.record.base == "micro" && entry.record.settings.contains("rank 4") && entry.record.captions > 9)
    #expect(try entry.record.baseHash == ModelFingerprint(model).hash)
    #expect(try Picture(contentsOf: result.report).height > 360)
    let notes = events.compactMap { if case .note(let text) = $0 { text } else { nil } }
    #expect(notes == ["1 picture of another shape than 64x64: the middle is taught"])
    // It is drawn with where a prompt has its word.
    var request = try MicroModel.request("my disc in snow")
    try LoRAShelf(nil, for: model, taught: TaughtAdapters(in: folder.url)).takeAdapters(of: &request)
    #expect(request.adapters == [adapter])
  }

  @Test(arguments: [0, 7, 29])
  func aRunThatWasEndedGoesOn(_ steps: Int) throws {
    let whole = try make("whole").run.run()
    // Killed, once or twice, and stopped.
    #expect(throws: ToyLearner.Killed.self) { try make("ended", fails: steps).run.run() }
    #expect(throws: ToyLearner.Killed.self) { try make("ended", fails: steps, saving: .seconds(1000)).run.run() }
    var count = 0
    #expect(throws: CancellationError.self) {
      try make("ended", saving: .seconds(1000)).run.run(isStopped: {
        count += 1
        return count > 3
      })
    }
    let ended = try make("ended").run.run()
    #expect(try Data(contentsOf: ended.adapter) == Data(contentsOf: whole.adapter))
    #expect(try Data(contentsOf: ended.report) == Data(contentsOf: whole.report))
  }

  @Test func aRunStoppedAnywhereGoesOn() throws {
    let whole = try make("whole").run.run()
    // So often that the pictures, the model's own and the last sheet are cut short too.
    for stop in [1, 5, 40, 80, 120, 160, 400] {
      var count = 0
      _ = try? make("cut").run.run(isStopped: {
        count += 1
        return count > stop
      })
    }
    if !FileManager.default.fileExists(atPath: folder.file("cut.safetensors").path) { _ = try make("cut").run.run() }
    #expect(try Data(contentsOf: folder.file("cut.safetensors")) == Data(contentsOf: whole.adapter))
  }

  @Test func whatARunHasLeftIsThrownAwayOnlyWhereItIsOurs() throws {
    let remove = { (name: String) in try TeachingFolder.remove(folder.file(name)) }
    var held: Made? = try make("disc")
    #expect(throws: TeachingError.self) { try remove("disc.teaching") }
    held = nil
    for _ in 0..<2 { try remove("disc.teaching") }
    #expect(throws: TeachingError.self) { try remove("pictures") }
    #expect(held == nil && folder.names == ["pictures"])
  }

  /// Of steps that are gone on with after less than there was.
  @Test func aCurveIsOfWhatWasLearntLast() {
    var curve = LossCurve([1, 2, 9, 9])
    curve.add(2, samples: 12)
    #expect(curve == LossCurve([1, 2, 3]))
    var fresh = LossCurve()
    fresh.add(1, samples: 4)
    #expect(fresh == LossCurve([1]))
  }

  @Test func twoRunsDoNotShareAFolder() throws {
    let first = try make("disc")
    let error = #expect(throws: TeachingError.self) { try make("disc") }
    #expect(error?.kind == .cannotWrite)
    withExtendedLifetime(first) {}
  }

  @Test func otherSettingsAreSaid() throws {
    #expect(throws: ToyLearner.Killed.self) { try make("disc", fails: 2).run.run() }
    let error = #expect(throws: TeachingError.self) { try make("disc", samples: 200, rate: 2e-3) }
    #expect(error == .otherSettings(path: folder.file("disc.teaching").relativePath, changed: ["rate", "samples"]))
    try folder.write(Pictures.thing(50), to: "pictures/d.png")
    let other = #expect(throws: TeachingError.self) { try make("disc") }
    #expect(other?.description.contains("(pictures)") == true)
  }

  @Test func whatIsNotOursIsLeftAlone() throws {
    try folder.write("x", to: "disc.teaching/mine.txt")
    #expect(throws: TeachingError.self) { try make("disc") }
    try folder.write("x", to: "other.teaching")
    #expect(throws: TeachingError.self) { try make("other") }
    #expect(throws: ToyLearner.Killed.self) { try make("third", fails: 2).run.run() }
    try folder.write("no JSON", to: "third.teaching/run.json")
    #expect(throws: TeachingError.self) { try make("third") }
  }

  @Test func damagedLessonsAreSaid() throws {
    #expect(throws: ToyLearner.Killed.self) { try make("disc", fails: 2).run.run() }
    for name in ["lessons-0.safetensors", "own-pictures.safetensors", "states.safetensors"] {
      let url = folder.file("disc.teaching/\(name)")
      let bytes = try Data(contentsOf: url)
      try bytes.prefix(bytes.count / 2).write(to: url)
      let error = #expect(throws: (any Error).self) { try make("disc").run.run() }
      #expect((error as? any UserError)?.kind == .damagedData, "\(name): \(error.map { "\($0)" } ?? "")")
      try bytes.write(to: url)
    }
    _ = try make("disc").run.run()
  }

  @Test func minutesBecomeSamplesOnce() throws {
    // A run has its folder to itself until it is gone.
    func first() throws -> ToyLearner {
      let made = try make("disc", fails: 12, samples: nil, minutes: 0.001)
      #expect(throws: ToyLearner.Killed.self) { try made.run.run() }
      return made.learner
    }
    #expect(try first().planned == 100)
    let again = try make("disc", samples: nil, minutes: 0.001)
    #expect(try again.run.run().samples == 100)
  }

  @Test func sheetsAreDrawnOnTheWayAndKept() throws {
    var sheets: [URL] = []
    _ = try make("disc", samples: 12, sheets: .zero).run.run(
      keepsFolder: true,
      report: {
        if case .sheet(let url) = $0 { sheets.append(url) }
      })
    #expect(sheets.map(\.lastPathComponent) == ["sheet-4.png"])
    #expect(sheets.allSatisfy { FileManager.default.fileExists(atPath: $0.path) })
    let kept = try FileManager.default.contentsOfDirectory(atPath: folder.file("disc.teaching").path)
    #expect(Set(kept).isSuperset(of: ["run.json", "state.safetensors", "losses.txt", "lessons-0.safetensors"]))
  }

  @Test func picturesOfTheModelsFolderAreUsed() throws {
    #expect(throws: ToyLearner.Killed.self) { try make("disc", fails: 1).run.run() }
    let copy = folder.file("model")
    try FileManager.default.copyItem(at: model.url, to: copy)
    try FileManager.default.copyItem(
      at: folder.file("disc.teaching/own-pictures.safetensors"), to: copy.appendingPathComponent("own-pictures.safetensors"))
    let pictures = try TaughtPictures([folder.file("pictures")], captions: CaptionSources())
    let other = try ModelFolder(copy)
    let settings = try TeachingSettings(
      wording: Wording(word: "my disc", isStyle: false), rank: 4, samples: 12, backend: backend, model: other,
      pictures: pictures)
    let kept = try TeachingFolder(folder.file("other.teaching"), settings)
    let run = try TeachingRun(
      settings, pictures, model: other, backend: backend, folder: kept, target: folder.file("other.safetensors")
    ) { _, _, _ in ToyLearner() }
    _ = try run.run(keepsFolder: true)
    #expect(!FileManager.default.fileExists(atPath: folder.file("other.teaching/own-pictures.safetensors").path))
  }

  /// What teaching takes is said where it is much, and blocks are computed twice where it would not fit.
  @Test func memoryIsSaidBeforeItIsTaken() throws {
    let little = try TeachingMemory(model, .f32, available: 1 << 40)
    #expect(little.note == nil && !little.recomputes && little.least < little.whole && little.whole < 10_000_000)
    let short = try TeachingMemory(model, .f32, available: Int(little.whole))
    #expect(short.recomputes && short.note?.contains("computes each block twice") == true)
    #expect(try TeachingMemory(model, .f32, available: 1000).note?.contains("may be ended") == true)
    #expect(try !TeachingMemory(model, .f32, available: nil).recomputes)
  }
}
