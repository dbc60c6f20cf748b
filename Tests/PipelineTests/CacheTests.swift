import DiTBatch
import DiTCheckpoints
import DiTImage
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Foundation
import Testing

/// What is left out to save time: how much, never where it must not be, and the same in any company.
@Suite struct CacheTests {
  let tiny: TinyModels

  init() throws { tiny = try TinyModels() }

  private enum Kind: CaseIterable { case ours, pixArt, uvit }

  private func model(_ kind: Kind, threads: Int = 1) throws -> TextToImage {
    let folder =
      switch kind {
      case .ours: try MicroModel.folder()
      case .pixArt: try ModelFolder(tiny.pixArt())
      case .uvit:
        try ModelFolder(Fixtures.url("uvit/class/model.safetensors"), options: ModelOptions(autoencoder: TinyModels.vae))
      }
    return try TextToImage(folder, backend: Backend(precision: .f32, threads: threads))
  }

  /// Three that differ in words and classes, as far as the model knows them; the last has no branches that differ.
  private func requests(_ folder: ModelFolder, threshold: Float?, every: Int = 1, steps: Int = 12) -> [GenerationRequest] {
    (0..<3).map { index in
      var request = folder.defaultRequest
      if folder.text != nil { request.prompt = ["a red fox in snow", "an owl", ""][index] }
      if folder.transformer.askableClasses > 0, index < 2 { request.classIndex = 3 + index }
      (request.seed, request.steps, request.guidanceScale) = (UInt64(index), steps, 3)
      (request.cacheThreshold, request.guidanceEvery) = (threshold, every)
      return request
    }
  }

  @Test(arguments: [(nil, 2), (0.5, 1), (1, 2)] as [(Float?, Int)])
  func companyAndThreadsDoNotMatter(threshold: Float?, every: Int) throws {
    for kind in Kind.allCases {
      let model = try model(kind)
      let requests = requests(model.folder, threshold: threshold, every: every)
      let together = try model.draw(requests)
      for (request, expected) in zip(requests, together) {
        let alone = try self.model(kind, threads: 2).draw([request])[0]
        let isSame = alone.picture == expected.picture && alone.saved == expected.saved
        #expect(isSame, "\(kind) \"\(request.prompt)\"")
      }
      let saved = together.compactMap(\.saved)
      #expect(saved.count == 3 && saved.together.factor > 1, "\(kind): \(saved.together)")
      let isFull = try model.draw(self.requests(model.folder, threshold: nil)).map(\.picture) == together.map(\.picture)
      #expect(!isFull, "\(kind)")
    }
  }

  /// A threshold that nothing is below leaves every number as it is.
  @Test func zeroChangesNothing() throws {
    let model = try model(.ours)
    let plain = try model.draw(requests(model.folder, threshold: nil))
    let cached = try model.draw(requests(model.folder, threshold: 0))
    let isSame = plain.map(\.picture) == cached.map(\.picture)
    #expect(isSame)
    #expect(plain.allSatisfy { $0.saved == nil } && cached.allSatisfy { $0.saved?.skipped == 0 && $0.saved?.factor == 1 })
    // 12 steps of both branches; the first has nothing to compare with.
    #expect(cached[0].saved?.evaluations == 24 && cached[0].saved?.changes.count == 22)
    #expect(cached[2].saved?.evaluations == 12)
  }

  /// With the largest threshold: every second evaluation, two of three in the last third, but none of the first 9 of 25 and
  /// not the last.
  @Test func someStepsAreAlwaysComputed() throws {
    let model = try model(.ours)
    let timesteps = (0..<12).map { [Float(999 - 80 * $0)] }
    let size = model.latentShape(model.folder.nativeSize)
    let plain = try model.stages.transformers.transformer().prepare(
      [Condition()], grid: model.folder.grid(of: model.folder.nativeSize), timesteps: timesteps)
    let run = CachedRun(plain, FirstBlockCache(threshold: 1, evaluations: 12), timesteps: timesteps, always: [[6]])
    let latents = try Tensor((0..<size.reduce(1, *)).map { sin(Float($0)) }, [1] + size)
    for evaluation in timesteps.indices { _ = try run.predict(latents, evaluation: evaluation) }
    #expect(run.log[0].dropFirst().allSatisfy { ($0.change ?? 2) < 1 }, "the model of this test changes too much")
    #expect(run.log[0].map { $0.isComputed ? 1 : 0 } == [1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1])
  }

  @Test func savedWorkIsCounted() throws {
    let model = try model(.ours)
    let saved = try #require(model.draw(requests(model.folder, threshold: 1))[0].saved)
    #expect((6...10).contains(saved.skipped) && saved.reused == 0)
    let share = try model.folder.transformer.tailShare(grid: model.folder.grid(of: model.folder.nativeSize), textTokens: 8)
    #expect(share > 0.4 && share < 1)
    #expect(abs(saved.factor - 24 / (24 - Double(saved.skipped) * share)) < 1e-2)
    // In the same steps the unconditional branch is left out whole.
    let both = try #require(model.draw(requests(model.folder, threshold: 1, every: 2))[0].saved)
    #expect((2...4).contains(both.skipped) && both.reused == 4)
    #expect(both.description.hasPrefix("\(both.skipped) of 24 evaluations skipped, 4 more guided from memory, "))
  }

  @Test func attentionIsThatOfComputedSteps() throws {
    let model = try model(.ours)
    var maps: [AttentionMap] = []
    try model.makeSession().draw(requests(model.folder, threshold: 1, every: 2), recordingAttention: true) { event in
      if case .attention(_, let all) = event { maps += all }
    }
    #expect(maps.count == 3 * model.folder.transformer.blockCount)
    for map in maps {
      for row in stride(from: 0, to: map.values.count, by: map.tokens) {
        #expect(abs(map.values[row..<row + map.tokens].reduce(0, +) - 1) < 1e-3)
      }
    }
  }

  @Test func theModelsOwnThresholdIsReadAndKept() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("model")
    try FileManager.default.copyItem(at: MicroModel.folder().url, to: url)
    #expect(try ModelFolder(url).cache == nil)
    let hash = try ModelFingerprint(ModelFolder(url))
    func write(_ text: String) throws -> ModelFolder {
      try Data(text.utf8).write(to: url.appendingPathComponent("cache.json"))
      return try ModelFolder(url)
    }
    let model = try write(#"{"threshold": 0.25, "guidance_every": 2}"#)
    #expect(model.cache == CacheSettings(threshold: 0.25, guidanceEvery: 2))
    #expect(try ModelFingerprint(model) == hash, "pictures without a cache must stay the same bytes")
    try ModelConverter.convert(model, to: folder.file("copy"), as: .f16)
    #expect(try ModelFolder(folder.file("copy")).cache == model.cache)
    for bad in [#"{"threshold": 2}"#, "{}", #"{"threshold": 0.1, "guidance_every": 0}"#, "[1]", "{"] {
      #expect(throws: ConfigurationError.self) { try write(bad) }
    }
  }

  @Test func calibrationChoosesWhatStaysTheSame() throws {
    let session = try model(.ours).makeSession()
    let calibration = try CacheCalibration(requests(session.model.folder, threshold: nil, steps: 16), in: session)
    #expect(calibration.pictures == 3 && calibration.rows.count >= 4)
    #expect(calibration.rows.allSatisfy { $0.factor >= 1 && $0.meanDifference <= $0.worstDifference })
    let good = calibration.rows.filter { $0.psnr >= 30 && $0.meanDifference < 3 }
    let best = good.map(\.factor).max()
    let chosen = calibration.chosen.map { chosen in
      good.contains { $0.threshold == chosen.threshold && $0.guidanceEvery == chosen.guidanceEvery && $0.factor == best }
    }
    #expect(chosen ?? good.isEmpty)
  }
}
