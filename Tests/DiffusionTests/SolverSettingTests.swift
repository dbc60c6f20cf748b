import DiTDiffusion
import DiTTensors
import DiTVerification
import Foundation
import Testing

/// What a scheduler's configuration can ask of a sampler, held against runs of diffusers' formulas in numpy (float64).
@Suite struct SolverSettingTests {
  /// ε = tanh(0.7 x + 0.001 t).
  private static let model: AnalyticDenoiser = {
    var model = AnalyticDenoiser(p: 0, q: 0)
    model.kind = .tanh
    (model.a, model.b, model.c) = (0.7, 0.001, 0)
    return model
  }()

  private func run(_ name: String, _ steps: Int, _ change: (inout SamplerSettings) -> Void) throws -> [Float] {
    var settings = SamplerSettings(steps: steps)
    change(&settings)
    var sampler = try SamplerRegistry.make(name, settings: settings)
    let evaluations = sampler.evaluations
    var draws = 0.0
    return try sampler.run(
      from: Tensor([0.5, -1.25, 2, -0.3], [1, 1, 2, 2]), predict: { try Self.model($0, timestep: evaluations[$1]) },
      noise: {
        draws += 1
        return try Tensor((0..<4).map { Float(sin(Double($0) * 1.7 + draws)) }, [1, 1, 2, 2])
      }
    ).array
  }

  private struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let sampler: String
    let steps: Int
    let expected: [Float]
    let change: @Sendable (inout SamplerSettings) -> Void

    init(
      _ name: String, _ sampler: String, _ steps: Int, _ expected: [Float],
      _ change: @escaping @Sendable (inout SamplerSettings) -> Void
    ) {
      (testDescription, self.sampler, self.steps, self.expected, self.change) = (name, sampler, steps, expected, change)
    }
  }

  private static let cases: [Case] = [
    Case("order 1", "dpm++", 6, [-25.43155, -178.561, 159.443, -96.34728]) { $0.order = 1 },
    Case("order 3", "dpm++", 6, [-14.394, -169.617, 159.313, -83.26308]) { $0.order = 3 },
    Case("order 3, many steps", "dpm++", 20, [-10.2436, -119.812, 158.5619, -48.43484]) { $0.order = 3 },
    Case("Heun's type", "dpm++", 8, [-9.225462, -139.015, 158.8866, -49.49502]) { $0.usesHeunType = true },
    Case("stochastic", "dpm++2m-sde", 6, [-0.497961, -137.9888, 46.19601, -70.6686]) { _ in },
    Case("stochastic, Heun's type", "dpm++2m-sde", 6, [1.478708, -120.7127, 22.14047, -54.93038]) { $0.usesHeunType = true },
    Case("ends at timestep 0", "dpm++", 6, [-13.53657, -163.838, 159.2316, -75.07497]) { $0.endsAtFirstLevel = true },
    Case("ends there in second order", "dpm++", 6, [-12.73073, -163.3578, 159.2246, -74.36698]) {
      ($0.endsAtFirstLevel, $0.lowersFinalOrder) = (true, false)
    },
    Case("ends there in first order", "dpm++", 20, [-10.0833, -113.205, 158.4665, -45.862]) {
      ($0.endsAtFirstLevel, $0.eulerAtFinal) = (true, true)
    },
    Case("leading with an offset", "dpm++", 6, [-1.72991, -32.78877, 40.6334, -11.69646]) {
      $0.spacing = .leading
      ($0.details.offset, $0.details.leavesZeroOut) = (1, true)
    },
    Case("dynamic thresholding", "dpm++", 6, [-0.1197187, -0.9759567, 1, -0.5236751]) {
      $0.clipping = Clipping(.dynamic(ratio: 0.7, maximum: 1.5))
    },
    Case("clipped", "ddim", 5, [-0.02881196, -0.4083934, 0.8, -0.1797295]) {
      ($0.spacing, $0.clipping) = (.leading, Clipping(.range(0.8), movesNoise: false))
    },
    Case("ddim ends at timestep 0", "ddim", 5, [-2.548656, -24.59322, 26.25979, -12.38124]) {
      ($0.spacing, $0.endsAtFirstLevel) = (.leading, true)
    },
    Case("ddim with an offset", "ddim", 5, [-2.576906, -24.8228, 26.47209, -12.50861]) {
      ($0.spacing, $0.endsAtFirstLevel, $0.details.offset) = (.leading, true, 1)
    },
    Case("ddpm", "ddpm", 5, [-1.170471, -21.57476, 12.74684, -11.86972]) { ($0.spacing, $0.variance) = (.leading, .small) },
    Case("ddpm with β, clipped", "ddpm", 5, [0.1194825, -1, -0.2796308, 0.3845937]) {
      ($0.spacing, $0.variance, $0.clipping) = (.leading, .large, Clipping(.range(1)))
    },
  ]

  @Test(arguments: cases)
  private func agreesWithDiffusers(_ golden: Case) throws {
    let found = try run(golden.sampler, golden.steps, golden.change)
    let result = Comparison(expected: golden.expected, actual: found)
    #expect(result.maxRelative < 1e-5, "\(found)")
  }

  @Test func quantilesOfTheBetaDistribution() throws {
    // scipy.stats.beta.ppf(…, 0.6, 0.6)
    let sigmas = try StepPlan(.beta, steps: 11, schedule: .dit).levels.map(\.sigma)
    let (low, high) = (NoiseSchedule.dit.level(timestep: 0).sigma, NoiseSchedule.dit.level(timestep: 999).sigma)
    let shares = [0.9: 0.960415594, 0.5: 0.5, 0.3: 0.234017004, 0.1: 0.0395844056]
    for (share, quantile) in shares {
      let sigma = sigmas[10 - Int((share * 10).rounded())]
      #expect(abs((sigma - low) / (high - low) - quantile) < 1e-8)
    }
    #expect(sigmas[0] == high && sigmas[10] == low)
  }

  @Test func exponentialLevelsAreEvenInTheLogarithm() throws {
    let lambdas = try StepPlan(.exponential, steps: 9, schedule: .dit).levels.map(\.lambda)
    let widths = zip(lambdas, lambdas.dropFirst()).map { $1 - $0 }
    #expect(widths.allSatisfy { abs($0 - widths[0]) < 1e-9 })
  }

  /// 2305.08891: the last ᾱ becomes 0, the first stays; numpy's values.
  @Test func zeroTerminalSignal() throws {
    var schedule = try NoiseSchedule.dit.rescaledToZeroTerminal()
    schedule.prediction = .velocity
    #expect(abs(schedule.alphasCumprod[0] - 0.9999) < 1e-12)
    #expect(abs(schedule.alphasCumprod[499] - 7.60287505e-2) < 1e-10)
    #expect(abs(schedule.alphasCumprod[998] - 4.21326247e-9) < 1e-16)
    let settings = SamplerSettings(steps: 4, spacing: .trailing)
    let ddim = try SamplerRegistry.make("ddim", schedule: schedule, settings: settings).plan.levels[0]
    #expect(ddim.signal == 0 && ddim.noise == 1)
    let euler = try SamplerRegistry.make("euler", schedule: schedule, settings: settings).plan.levels[0]
    #expect(euler.alphaCumprod == 0x1p-24)
    // A model that says the velocity knows the picture even there.
    for name in SamplerRegistry.all.filter({ $0.walks(.betas) }).map({ $0.name }) where name != "dmd" {
      let settings = SamplerSettings(steps: 4, spacing: .trailing, eta: SamplerRegistry.defaultEta(name))
      var sampler = try SamplerRegistry.make(name, schedule: schedule, settings: settings)
      let levels = sampler.evaluationLevels
      var random = TorchRandom(seed: 9)
      let result = try sampler.run(
        from: random.randn([1, 2, 3, 4]),
        predict: { try AnalyticDenoiser(p: 0.2, q: 0.5)($0, at: levels[$1], says: .velocity) },
        noise: { try random.randn([1, 2, 3, 4]) })
      #expect(result.array.allSatisfy { $0.isFinite && abs($0) < 1.1 }, "\(name)")
    }
    #expect(throws: DiffusionError.self) { try NoiseSchedule(trainTimesteps: 1).rescaledToZeroTerminal() }
  }

  /// Every sampler that walks straight paths arrives at the picture that a flow model knows, from any spacing it has.
  @Test(arguments: ["euler", "dpm++", "unipc", "scm"], [1, 2, 5, 20])
  func flowModelsArrive(_ name: String, _ steps: Int) throws {
    let schedule = NoiseSchedule(.straight(shift: 3, scale: 1000))
    let spacings: [Spacing?] = name == "scm" ? [nil] : [nil, .linear, .inclusive, .trailing]
    var random = TorchRandom(seed: 4)
    let picture = try random.randn([1, 2, 3, 4])
    for spacing in spacings {
      let settings = SamplerSettings(steps: steps, spacing: spacing)
      var sampler = try SamplerRegistry.make(name, schedule: schedule, settings: settings)
      let levels = sampler.evaluationLevels
      let result = try sampler.run(
        from: random.randn([1, 2, 3, 4]),
        predict: { latents, index in
          let noise = Float(levels[index].noise)
          return Prediction(
            try Tensor(zip(latents.array, picture.array).map { ($0 - $1) / noise }, latents.shape), .flow)
        }, noise: { try random.randn([1, 2, 3, 4]) })
      #expect(Comparison(expected: picture.array, actual: result.array).maxAbsolute < 1e-3, "\(spacing?.rawValue ?? "own")")
    }
  }

  @Test func flowModelsRefuseWhatTheyHaveNot() {
    let schedule = NoiseSchedule(.straight(shift: 3, scale: 1000))
    let refused: [(String, SamplerSettings, String)] = [
      ("heun", SamplerSettings(steps: 4), "heun does not draw with a model of flow matching; choose dpm++, unipc, euler, scm"),
      (
        "euler", SamplerSettings(steps: 4, spacing: .karras),
        "a model of flow matching has no levels 'karras'; choose linear, inclusive or trailing"
      ),
      (
        "euler", SamplerSettings(steps: 4, respacing: "4"),
        "respacing '4': a model of flow matching has no timesteps to choose from; give steps"
      ),
      ("scm", SamplerSettings(steps: 2, spacing: .trailing), "scm has angles of its own; choose no noise levels"),
    ]
    for (name, settings, text) in refused {
      let error = #expect(throws: DiffusionError.self) {
        try SamplerRegistry.make(name, schedule: schedule, settings: settings)
      }
      #expect(error?.description == text)
    }
  }

  /// The share of γ decides how far a step of TCD goes down; at 0 it is DDIM between the same levels.
  @Test func tcdWithoutNoiseIsDDIM() throws {
    let levels = try SamplerRegistry.make("tcd", settings: SamplerSettings(steps: 4)).plan.levels
    var settings = SamplerSettings(steps: 4)
    settings.endsAtFirstLevel = true
    var ddim = DDIM(plan: StepPlan(levels: levels, end: NoiseSchedule.dit.level(timestep: 0)), settings: settings)
    var tcd = try SamplerRegistry.make("tcd", settings: SamplerSettings(steps: 4))
    var random = TorchRandom(seed: 1)
    let start = try random.randn([1, 2, 3, 4])
    let predict = { (latents: Tensor, index: Int) in try SamplerTests.model(latents, at: levels[index]) }
    let expected = try ddim.run(from: start, predict: predict, noise: { start })
    let found = try tcd.run(from: start, predict: predict, noise: { start })
    #expect(Comparison(expected: expected.array, actual: found.array).maxRelative < 1e-5)
  }

  @Test func lambdasBelowTheLeastAreNotVisited() throws {
    let schedule = try NoiseSchedule(.cosine)
    var settings = SamplerSettings(steps: 8)
    settings.details.minimumLambda = -5.1
    let plan = try SamplerRegistry.make("dpm++", schedule: schedule, settings: settings).plan
    #expect(plan.levels[0].lambda >= -5.1 && plan.levels[0].timestep < 999)
    #expect(schedule.level(timestep: plan.levels[0].timestep + 1).lambda < -5.1)
  }

  /// x starts as noise alone where the first level is far from the end, else as √(1−ᾱ) of it.
  @Test(arguments: ["euler", "euler_a", "heun"]) func startsAsDiffusersDoes(name: String) throws {
    let leading = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 4, spacing: .leading))
    #expect(leading.initialScale == 1)
    let trailing = try SamplerRegistry.make(name, settings: SamplerSettings(steps: 4, spacing: .trailing))
    #expect(trailing.initialScale == Float(trailing.plan.levels[0].noise) && trailing.initialScale < 1)
  }
}
