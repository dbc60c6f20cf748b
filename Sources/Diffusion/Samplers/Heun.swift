import DiTTensors

/// Heun's method in σ space (Karras et al., 2206.00364, algorithm 1): an Euler step, then the mean of both slopes.
///
/// Second order for two evaluations a step; the last step, to σ = 0 as a rule, is Euler's and takes one.
package struct Heun: Sampler {
  package static let name = "heun"
  package static let summary = "Heun in sigma space, second order, two evaluations a step; 15 to 25 steps"
  package static let spacing = Spacing.inclusive

  package let plan: StepPlan
  package let initialScale: Float
  private let clipping: Clipping?

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
    initialScale = Euler.initialScale(plan, settings)
  }

  /// t₀ t₁, t₁ t₂, … and the last timestep once: 2N − 1.
  package var evaluationLevels: [NoiseLevel] {
    zip(plan.levels, plan.levels.dropFirst()).flatMap { [$0, $1] } + plan.levels.suffix(1)
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let from = plan.levels[index]
    let to = plan.target(index)
    let original = try predict(latents, 2 * index).original(of: latents, at: from, clipping)
    let guess = try Euler.step(latents, original, from: from, to: to)
    if index == plan.count - 1 { return SamplerStep(latents: guess, predictedOriginal: original) }

    let corrected = try predict(guess, 2 * index + 1).original(of: guess, at: to, clipping)
    // X' = X + ½(σ'−σ) [(X − x₀)/σ + (X̂ − x̂₀)/σ'], and x' = √ᾱ' X'.
    let half = (to.sigma - from.sigma) / 2
    let next = try weightedSum(
      (to.signal / from.signal * (1 + half / from.sigma), latents),
      (-to.signal * half / from.sigma, original),
      (half / to.sigma, guess),
      (-to.signal * half / to.sigma, corrected))
    return SamplerStep(latents: next, predictedOriginal: corrected)
  }
}
