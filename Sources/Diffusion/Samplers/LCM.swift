import DiTTensors

/// Latent consistency models (Luo et al., 2310.04378, algorithm 3): each step predicts the picture and makes it noisy again.
///
/// For models that were distilled for it, PixArt-LCM among them, and without guidance.
package struct LCM: Sampler {
  package static let name = "lcm"
  package static let summary = "latent consistency, for models distilled for it; 1 to 8 steps, guidance 1"
  package static let spacing = Spacing.lcm
  package static let startsWithoutSignal = true
  package static let fewSteps: Int? = 4

  package static func plan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    try ConsistencyTimesteps.plan(name, settings, schedule)
  }

  package let plan: StepPlan
  private let clipping: Clipping?
  private let scaling: Double

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
    scaling = settings.timestepScaling
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let from = plan.levels[index]
    let original = try predict(latents, index).original(of: latents, at: from, clipping)
    let (skip, out) = LCM.boundary(from.timestep, scaling: scaling)
    let denoised = try weightedSum((out, original), (skip, latents))
    guard index + 1 < plan.count else { return SamplerStep(latents: denoised, predictedOriginal: denoised) }
    let to = plan.target(index)
    let next = try weightedSum((to.signal, denoised), (to.noise, noise()))
    return SamplerStep(latents: next, predictedOriginal: denoised)
  }

  /// c_skip and c_out of the boundary condition f(x, 0) = x (2310.04378, section 3; σ of the data is ½).
  package static func boundary(_ timestep: Double, scaling: Double = 10) -> (skip: Double, out: Double) {
    let scaled = timestep * scaling
    let sum = scaled * scaled + 0.25
    return (0.25 / sum, scaled / sum.squareRoot())
  }
}
