import DiTDiffusion
import DiTTensors
import DiTVerification
import Foundation
import Testing

@Suite struct SamplerTests {
  static let model = AnalyticDenoiser(p: 0.9, q: 0.5, variance: .init(.sin, k: 3))

  private func run(
    _ name: String, _ settings: SamplerSettings, batch: [UInt64] = [1], model: AnalyticDenoiser = SamplerTests.model
  ) throws -> Tensor {
    var sampler = try SamplerRegistry.make(name, settings: settings)
    var noise = BatchNoise(seeds: batch)
    let evaluations = sampler.evaluations
    return try sampler.run(
      from: noise.randn([2, 3, 4]), predict: { try model($0, timestep: evaluations[$1]) },
      noise: { try noise.randn([2, 3, 4]) })
  }

  @Test func registryNamesItsSamplers() throws {
    #expect(Set(SamplerRegistry.names) == ["ddpm", "ddim", "dpm++", "euler", "heun", "unipc"])
    #expect(SamplerRegistry.names.count == 6)
    let error = #expect(throws: DiffusionError.self) {
      try SamplerRegistry.make("plms", settings: SamplerSettings(steps: 10))
    }
    #expect(
      error?.description
        == "no sampler is called 'plms'; 'ddim' is most like it; choose one of: dpm++, unipc, heun, euler, ddim, ddpm")
  }

  @Test func settingsAreChecked() {
    let errors: [(String, SamplerSettings, String)] = [
      ("dpm++", SamplerSettings(steps: 0), "0 steps cannot be taken; choose 1 to 1000"),
      ("ddim", SamplerSettings(steps: 1001), "1001 steps cannot be taken; choose 1 to 1000"),
      ("euler", SamplerSettings(steps: 5, eta: 0.5), "euler has no eta; choose ddim for it"),
      ("ddim", SamplerSettings(steps: 5, eta: 1.5), "eta 1.5 must lie between 0 and 1"),
      ("ddim", SamplerSettings(steps: 5, eta: .nan), "eta nan must lie between 0 and 1"),
      ("heun", SamplerSettings(steps: 5, strength: 0), "strength 0.0 must be above 0 and at most 1"),
      (
        "ddpm", SamplerSettings(steps: 5, respacing: "1001"),
        "respacing '1001': 1001 steps do not fit into a section of 1000"
      ),
      (
        "ddpm", SamplerSettings(steps: 5, respacing: "ddim300"),
        "respacing 'ddim300': no whole stride takes 300 of 1000 steps"
      ),
    ]
    for (name, settings, text) in errors {
      let error = #expect(throws: DiffusionError.self) { try SamplerRegistry.make(name, settings: settings) }
      #expect(error?.description == text)
    }
  }

  @Test(arguments: SamplerRegistry.names, Spacing.allCases)
  func everySamplerWalksEverySpacing(_ name: String, _ spacing: Spacing) throws {
    for steps in [1, 2, 3, 10, 1000] {
      let result = try run(name, SamplerSettings(steps: steps, spacing: spacing)).array
      // The model's pictures lie within ±1; rounding and the last step's noise add little.
      #expect(result.allSatisfy { abs($0) < 1.01 }, "\(steps) steps: \(result.map { abs($0) }.max() ?? 0)")
    }
  }

  @Test(arguments: SamplerRegistry.names)
  func theModelIsAskedInOrder(_ name: String) throws {
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 6))
    #expect(sampler.timesteps.count == 6)
    #expect(sampler.evaluations.count == (name == "heun" ? 11 : 6))
    #expect(sampler.initialScale > 0.999 && sampler.initialScale <= 1)
    var random = TorchRandom(seed: 2)
    var latents = try random.randn([1, 2, 3, 4])
    let evaluations = sampler.evaluations
    var asked: [Int] = []
    for index in 0..<6 {
      let before = latents.array
      let step = try sampler.step(
        index, latents,
        predict: {
          asked.append($1)
          return try Self.model($0, timestep: evaluations[$1])
        }, noise: { try random.randn([1, 2, 3, 4]) })
      #expect(latents.array == before, "a step writes to its input")
      latents = step.latents
      // At the last step every deterministic sampler lands on the predicted picture itself.
      if index == 5 && name != "ddpm" {
        #expect(Comparison(expected: step.predictedOriginal.array, actual: latents.array).maxAbsolute < 1e-6)
      }
    }
    #expect(asked == Array(evaluations.indices))
  }

  @Test(arguments: SamplerRegistry.names, [0, 0.5])
  func noiseIsDrawnOnceAStepOrNever(_ name: String, _ eta: Double) throws {
    if eta > 0, name != "ddim" { return }
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 7, eta: eta))
    let evaluations = sampler.evaluations
    var random = TorchRandom(seed: 6)
    var draws = 0
    _ = try sampler.run(
      from: random.randn([1, 2, 3, 4]), predict: { try Self.model($0, timestep: evaluations[$1]) },
      noise: {
        draws += 1
        return try random.randn([1, 2, 3, 4])
      })
    #expect(draws == (name == "ddpm" || eta > 0 ? 7 : 0))
  }

  @Test(arguments: SamplerRegistry.names)
  func aBatchIsItsPictures(_ name: String) throws {
    let settings = SamplerSettings(steps: 7)
    let both = try run(name, settings, batch: [4, 8])
    #expect(try run(name, settings, batch: [4]).array == both.slice(0, count: 1).array)
    #expect(try run(name, settings, batch: [8]).array == both.slice(1, count: 1).array)
  }

  @Test(arguments: SamplerRegistry.names)
  func clippingHoldsThePredictedPicture(_ name: String) throws {
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 4, clip: true))
    let latents = try Tensor([Float](repeating: 5, count: 24), [1, 2, 3, 4])
    let step = try sampler.step(
      0, latents, predict: { input, _ in Prediction(noise: try Tensor(input.shape)) }, noise: { try Tensor([1, 2, 3, 4]) })
    #expect(step.predictedOriginal.array.allSatisfy { $0 == 1 })
  }

  /// Without logits the posterior variance counts; logits of −1 ask for the same, +1 for β.
  @Test func learnedVarianceSpansItsRange() throws {
    func step(_ logit: Float?) throws -> [Float] {
      var sampler = try SamplerRegistry.make("ddpm", settings: SamplerSettings(steps: 10))
      var random = TorchRandom(seed: 3)
      let shape = [1, 2, 3, 4]
      let logits = try logit.map { try Tensor([Float](repeating: $0, count: 24), shape) }
      return try sampler.step(
        0, random.randn(shape), predict: { input, _ in Prediction(noise: try Tensor(input.shape), varianceLogits: logits) },
        noise: { try random.randn(shape) }
      ).latents.array
    }
    let fixed = try step(nil)
    let low = try step(-1)
    let high = try step(1)
    let beyond = try step(3)
    #expect(Comparison(expected: fixed, actual: low).maxAbsolute < 1e-6)
    #expect(Comparison(expected: low, actual: high).nmse > 1e-12)
    #expect(Comparison(expected: high, actual: beyond).nmse > 1e-12, "logits are clamped")
  }

  /// A denoiser that knows the picture: any sampler, from any strength, comes back to it.
  @Test(arguments: SamplerRegistry.names, [0.3, 1.0])
  func knownPictureComesBack(_ name: String, _ strength: Double) throws {
    var random = TorchRandom(seed: 11)
    let shape = [1, 2, 3, 4]
    let picture = try random.randn(shape)
    let schedule = NoiseSchedule.dit
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 20, strength: strength))
    #expect(sampler.plan.count == (strength == 1 ? 20 : 6))
    let evaluations = sampler.evaluations
    let start = try NoiseSchedule.noised(picture, with: random.randn(shape), at: sampler.plan.levels[0])
    let result = try sampler.run(
      from: start,
      predict: { latents, index in
        let level = schedule.level(timestep: Double(evaluations[index]))
        let noise = zip(latents.array, picture.array).map { x, x0 in
          Float((Double(x) - level.signal * Double(x0)) / level.noise)
        }
        return Prediction(noise: try Tensor(noise, shape))
      },
      noise: { try random.randn(shape) })
    #expect(Comparison(expected: picture.array, actual: result.array).maxAbsolute < 1e-4)
  }

  /// Costs of the arithmetic between evaluations, for the log: eight pictures of 256 pixels.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil))
  func speed() throws {
    var noise = BatchNoise(seeds: Array(0..<8))
    let clock = ContinuousClock()
    var start = try noise.randn([8, 32, 32])
    let drawing = try clock.measure { try start = noise.randn([8, 32, 32]) }
    print("  noise: \(drawing)")
    let prediction = try Prediction(noise: noise.randn([8, 32, 32]), varianceLogits: noise.randn([8, 32, 32]))
    for name in SamplerRegistry.names {
      var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 50))
      let time = try clock.measure {
        _ = try sampler.run(from: start, predict: { _, _ in prediction }, noise: { prediction.noise })
      }
      print("  \(name): \(time / 50) a step")
    }
  }
}
