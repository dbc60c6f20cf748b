import DiTDiffusion
import DiTTensors
import Testing

@Suite struct PredictionKindTests {
  private static let original: [Float] = [0.5, -1, 0.25, 2, -0.75, 1.5, 0, -0.1]
  private static let straight = stride(from: 0.95, through: 0.05, by: -0.1).map { NoiseLevel(timestep: 1000 * $0, straight: $0) }

  private func levels(_ kind: PredictionKind) throws -> [NoiseLevel] {
    kind == .flow ? Self.straight : try Spacing.inclusive.levels(10, of: .dit)
  }

  /// What a perfect model says leads back to the noise that was there, on non-square latents.
  @Test(arguments: PredictionKind.allCases) func impliesTheNoise(kind: PredictionKind) throws {
    let shape = [1, 1, 2, 4]
    let original = try Tensor(Self.original, shape)
    var random = TorchRandom(seed: 3)
    let noise = try random.randn(shape)
    for level in try levels(kind) {
      let latents = try Tensor(
        zip(original.array, noise.array).map { Float(level.signal) * $0 + Float(level.noise) * $1 }, shape)
      let output = try kind.output(original: original, noise: noise, at: level)
      let found = try kind.noise(output, of: latents, at: level)
      #expect(zip(found.array, noise.array).allSatisfy { abs($0 - $1) < 1e-5 }, "\(kind) at \(level.timestep)")
    }
  }

  /// A model that knows the one picture there is leads every sampler that asks once a step to it, on either path.
  @Test(arguments: PredictionKind.allCases, ["euler", "dpm++"]) func samplersArrive(kind: PredictionKind, name: String) throws {
    let shape = [1, 1, 2, 4]
    let original = try Tensor(Self.original, shape)
    let type = try #require(SamplerRegistry.all.first { $0.name == name })
    var sampler = type.init(plan: StepPlan(levels: try levels(kind)), settings: SamplerSettings(steps: 10))
    var random = TorchRandom(seed: 5)
    let start = try random.randn(shape)
    let plan = sampler.plan
    let end = try sampler.run(
      from: start,
      predict: { latents, index in
        let level = plan.levels[index]
        let noise = try Tensor(
          zip(latents.array, original.array).map { ($0 - Float(level.signal) * $1) / Float(level.noise) }, shape)
        let output = try kind.output(original: original, noise: noise, at: level)
        return Prediction(output, kind)
      }, noise: { try random.randn(shape) })
    #expect(zip(end.array, Self.original).allSatisfy { abs($0 - $1) < 1e-3 }, "\(end.array)")
  }

  @Test func keepsTheSumOnAStraightPath() {
    for level in Self.straight {
      #expect(level.signal + level.noise == 1)
      #expect(abs(level.sigma - level.noise / level.signal) < 1e-12)
    }
  }
}
