import DiTTensors

/// Ancestral sampling with Euler's method (k-diffusion; Karras et al., 2206.00364, in σ space): a step goes below its target
/// and comes back up by fresh noise.
///
/// The sampler of SDXL-Turbo and its kin, with `trailing` levels.
package struct EulerAncestral: Sampler {
  package static let name = "euler_a"
  package static let summary = "Euler ancestral, first order with fresh noise; 1 to 4 steps of turbo models, else 30 or more"
  package static let spacing = Spacing.inclusive

  package let plan: StepPlan
  package let initialScale: Float
  private let clipping: Clipping?

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
    initialScale = Euler.initialScale(plan, settings)
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let (from, to) = (plan.levels[index], plan.target(index))
    let original = try predict(latents, index).original(of: latents, at: from, clipping)

    // up² = σ'²(σ² − σ'²)/σ², down² = σ'² − up² = (σ'²/σ)²; X' = (down/σ) X + (1 − down/σ) x₀ + up z.
    let ratio = to.sigma / from.sigma
    let share = ratio * ratio
    let up = to.sigma * max(0, 1 - share).squareRoot()
    // Noise is drawn at the last step too, where it has no use, as in diffusers.
    let next = try weightedSum(
      (to.signal * share / from.signal, latents), (to.signal * (1 - share), original), (to.signal * up, noise()))
    return SamplerStep(latents: next, predictedOriginal: original)
  }
}
