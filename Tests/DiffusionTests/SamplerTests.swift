import DiTDiffusion
import DiTTensors
import DiTVerification
import Foundation
import Testing

@Suite struct SamplerTests {
  static let model = AnalyticDenoiser(p: 0.9, q: 0.5, variance: .init(.sin, k: 3))
  /// Those that draw with models of noise.
  static let names = SamplerRegistry.all.filter { $0.walks(.betas) }.map { $0.name }
  /// Those that draw noise at every step, and at every step but the last.
  static let ancestral: Set = ["ddpm", "euler_a", "dpm++2m-sde"]
  static let consistency: Set = ["lcm", "tcd"]
  /// Those that end at the noise of timestep 0.
  static let endsNoisy: Set = ["tcd", "dpm++3s"]

  /// As many steps as a sampler takes.
  private func steps(_ name: String, _ wanted: Int) -> Int { name == "dmd" ? 1 : wanted }

  private func run(
    _ name: String, _ settings: SamplerSettings, batch: [UInt64] = [1], model: AnalyticDenoiser = SamplerTests.model
  ) throws -> Tensor {
    var sampler = try SamplerRegistry.make(name, settings: settings)
    let noise = BatchNoise(seeds: batch)
    let evaluations = sampler.evaluations
    return try sampler.run(
      from: noise.randn([2, 3, 4]), predict: { try model($0, timestep: evaluations[$1]) },
      noise: { try noise.randn([2, 3, 4]) })
  }

  @Test func registryNamesItsSamplers() throws {
    #expect(
      SamplerRegistry.names == [
        "dpm++", "unipc", "heun", "euler", "ddim", "ddpm", "dpm++2m-sde", "dpm++3s", "euler_a", "lcm", "tcd", "dmd", "scm",
      ])
    let error = #expect(throws: DiffusionError.self) {
      try SamplerRegistry.make("plms", settings: SamplerSettings(steps: 10))
    }
    #expect(
      error?.description
        == "no sampler is called 'plms'; 'ddim' is most like it; choose one of: "
          + SamplerRegistry.names.joined(separator: ", "))
  }

  @Test func settingsAreChecked() {
    let errors: [(String, SamplerSettings, String)] = [
      ("dpm++", SamplerSettings(steps: 0), "0 steps cannot be taken; choose 1 to 1000"),
      ("ddim", SamplerSettings(steps: 1001), "1001 steps cannot be taken; choose 1 to 1000"),
      ("euler", SamplerSettings(steps: 5, eta: 0.5), "euler has no eta; choose ddim, tcd for it"),
      ("lcm", SamplerSettings(steps: 51), "51 steps cannot be taken; choose 1 to 50"),
      (
        "lcm", SamplerSettings(steps: 26, strength: 0.5),
        "strength 0.5 leaves 25 of lcm's 50 timesteps, too few for 26 steps; choose a larger strength or fewer steps"
      ),
      ("tcd", SamplerSettings(steps: 0), "0 steps cannot be taken; choose 1 to 50"),
      (
        "lcm", SamplerSettings(steps: 4, spacing: .karras),
        "lcm needs whole timesteps above 0; choose the noise levels linear, trailing, lcm, lcm-stride"
      ),
      (
        "euler", SamplerSettings(steps: 4, spacing: .lcm),
        "the levels 'lcm' are those of consistency models; choose the sampler lcm or tcd"
      ),
      ("dmd", SamplerSettings(steps: 4), "dmd takes 1 step; choose another sampler for more"),
      (
        "dmd", SamplerSettings(steps: 1, strength: 0.6),
        "dmd starts from noise alone and has no strength; choose another sampler for --image"
      ),
      (
        "dmd", SamplerSettings(steps: 1, spacing: .trailing),
        "dmd asks the model at one timestep of its own; choose no noise levels"
      ),
      (
        "scm", SamplerSettings(steps: 2),
        "scm does not draw with a model that learned to remove noise step by step; choose "
          + Self.names.joined(separator: ", ")
      ),
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
    var late = SamplerSettings(steps: 20, spacing: .leading)
    late.details.offset = 900
    let error = #expect(throws: DiffusionError.self) { try SamplerRegistry.make("ddim", settings: late) }
    #expect(error?.description.hasPrefix("steps_offset 900 leads beyond the 1000 timesteps with 20 steps") == true)
  }

  /// Each walks every spacing or refuses it, always.
  @Test(arguments: names, Spacing.allCases)
  func everySamplerWalksEverySpacing(_ name: String, _ spacing: Spacing) throws {
    let ofConsistency = spacing == .lcm || spacing == .lcmStride
    let isWhole = [.linear, .trailing, .lcm, .lcmStride].contains(spacing)
    let walks = name == "dmd" ? false : Self.consistency.contains(name) ? isWhole : !ofConsistency
    for steps in ofConsistency ? [1, 2, 3, 10, 50] : [1, 2, 3, 10, 1000] {
      let settings = SamplerSettings(steps: steps, spacing: spacing)
      guard walks else {
        #expect(throws: DiffusionError.self) { try SamplerRegistry.make(name, settings: settings) }
        continue
      }
      let result = try run(name, settings).array
      // The model's pictures lie within ±1; rounding and the last step's noise add little.
      let limit: Float = Self.endsNoisy.contains(name) ? 1.05 : 1.01
      #expect(result.allSatisfy { abs($0) < limit }, "\(steps) steps: \(result.map { abs($0) }.max() ?? 0)")
    }
  }

  /// Blocks of three, what is left, and a last step of its own to where no noise is; what is left of a truncated run is
  /// blocked anew.
  @Test func singleStepsComeInBlocks() throws {
    func orders(_ steps: Int, _ spacing: Spacing? = nil, strength: Double = 1) throws -> [Int] {
      let settings = SamplerSettings(steps: steps, spacing: spacing, strength: strength)
      return try DPMSolverSinglestep.orders(SamplerRegistry.make("dpm++3s", settings: settings).plan)
    }
    #expect(try (1...6).map { try orders($0) } == [[1], [2], [2, 1], [3, 1], [3, 2], [3, 2, 1]])
    #expect(try (1...4).map { try orders($0, .karras) } == [[1], [1, 1], [2, 1], [2, 1, 1]])
    #expect(try orders(10, strength: 0.5) == [3, 2])
    let plan = try SamplerRegistry.make("dpm++3s", settings: SamplerSettings(steps: 4)).plan
    #expect(plan.levels.map(\.timestep) == [999, 749.25, 499.5, 249.75] && plan.end == NoiseSchedule.dit.level(timestep: 0))
    // ln ᾱ is even between 249 and 250.
    let (low, high) = (NoiseSchedule.dit.alphasCumprod[249], NoiseSchedule.dit.alphasCumprod[250])
    #expect(abs(plan.levels[3].alphaCumprod - pow(low, 0.25) * pow(high, 0.75)) < 1e-14)
  }

  @Test(arguments: names)
  func theModelIsAskedInOrder(_ name: String) throws {
    let steps = steps(name, 6)
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: steps))
    #expect(sampler.timesteps.count == steps)
    #expect(sampler.evaluations.count == (name == "heun" ? 11 : steps))
    #expect(sampler.initialScale > 0.999 && sampler.initialScale <= 1)
    var random = TorchRandom(seed: 2)
    var latents = try random.randn([1, 2, 3, 4])
    let evaluations = sampler.evaluations
    var asked: [Int] = []
    for index in 0..<steps {
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
      if index == steps - 1, name != "ddpm", !Self.endsNoisy.contains(name) {
        #expect(Comparison(expected: step.predictedOriginal.array, actual: latents.array).maxAbsolute < 1e-6)
      }
    }
    #expect(asked == Array(evaluations.indices))
  }

  /// As often as in diffusers, on which the seed's sequence depends.
  @Test(arguments: names, [0, 0.5])
  func noiseIsDrawnOnceAStepOrNever(_ name: String, _ eta: Double) throws {
    if eta > 0, name != "ddim", name != "tcd" { return }
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: steps(name, 7), eta: eta))
    let evaluations = sampler.evaluations
    var random = TorchRandom(seed: 6)
    var draws = 0
    _ = try sampler.run(
      from: random.randn([1, 2, 3, 4]), predict: { try Self.model($0, timestep: evaluations[$1]) },
      noise: {
        draws += 1
        return try random.randn([1, 2, 3, 4])
      })
    let expected = name == "lcm" || name == "tcd" && eta > 0 ? 6 : Self.ancestral.contains(name) || eta > 0 ? 7 : 0
    #expect(draws == expected)
  }

  @Test(arguments: names)
  func aBatchIsItsPictures(_ name: String) throws {
    let settings = SamplerSettings(steps: steps(name, 7), eta: SamplerRegistry.defaultEta(name))
    let both = try run(name, settings, batch: [4, 8])
    #expect(try run(name, settings, batch: [4]).array == both.slice(0, count: 1).array)
    #expect(try run(name, settings, batch: [8]).array == both.slice(1, count: 1).array)
  }

  /// But for TCD, which does not clip, as in diffusers.
  @Test(arguments: names)
  func clippingHoldsThePredictedPicture(_ name: String) throws {
    if name == "tcd" { return }
    let settings = SamplerSettings(steps: steps(name, 4), clipping: Clipping(.range(1)))
    var sampler = try SamplerRegistry.make(name, settings: settings)
    let latents = try Tensor([Float](repeating: 5, count: 24), [1, 2, 3, 4])
    let step = try sampler.step(
      0, latents, predict: { input, _ in Prediction(noise: try Tensor(input.shape)) }, noise: { try Tensor([1, 2, 3, 4]) })
    #expect(step.predictedOriginal.array.allSatisfy { abs($0 - 1) < 1e-6 })
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

  /// A denoiser that knows the picture: any sampler, from any strength that it has, comes back to it.
  @Test(arguments: names, [0.3, 1.0])
  func knownPictureComesBack(_ name: String, _ strength: Double) throws {
    if name == "dmd", strength < 1 { return }
    var random = TorchRandom(seed: 11)
    let shape = [1, 2, 3, 4]
    let picture = try random.randn(shape)
    let count = steps(name, Self.consistency.contains(name) ? 10 : 20)
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: count, strength: strength))
    if !Self.consistency.contains(name), name != "dmd" { #expect(sampler.plan.count == (strength == 1 ? 20 : 6)) }
    let evaluations = sampler.evaluationLevels
    let start = try NoiseSchedule.noised(picture, with: random.randn(shape), at: sampler.plan.levels[0])
    let result = try sampler.run(
      from: start,
      predict: { latents, index in
        let level = evaluations[index]
        let noise = zip(latents.array, picture.array).map { x, x0 in
          Float((Double(x) - level.signal * Double(x0)) / level.noise)
        }
        return Prediction(noise: try Tensor(noise, shape))
      },
      noise: { try random.randn(shape) })
    #expect(Comparison(expected: picture.array, actual: result.array).maxAbsolute < (Self.endsNoisy.contains(name) ? 0.05 : 1e-4))
  }

  /// Costs of the arithmetic between evaluations, for the log: eight pictures of 256 pixels.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil))
  func speed() throws {
    let noise = BatchNoise(seeds: Array(0..<8))
    let clock = ContinuousClock()
    var start = try noise.randn([8, 32, 32])
    let drawing = try clock.measure { try start = noise.randn([8, 32, 32]) }
    print("  noise: \(drawing)")
    let prediction = try Prediction(noise: noise.randn([8, 32, 32]), varianceLogits: noise.randn([8, 32, 32]))
    for name in Self.names where name != "dmd" {
      var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 50))
      let time = try clock.measure {
        _ = try sampler.run(from: start, predict: { _, _ in prediction }, noise: { prediction.output })
      }
      print("  \(name): \(time / 50) a step")
    }
  }
}
