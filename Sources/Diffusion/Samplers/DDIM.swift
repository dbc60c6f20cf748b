import DiTTensors

/// Denoising diffusion implicit models (Song et al., 2010.02502, eq. 12), with fresh noise in the share `eta`.
///
/// Over `.respaced` levels this is the DiT repository's DDIM, over `.leading` ones that of the diffusers DiT pipeline.
package struct DDIM: Sampler {
  package static let name = "ddim"
  package static let summary = "denoising diffusion implicit models, eta 0 to 1; 50 steps or more"
  package static let spacing = Spacing.respaced
  package static let defaultEta: Double? = 0
  package static let startsWithoutSignal = true

  package let plan: StepPlan
  private let eta: Double
  private let clipping: Clipping?

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    eta = settings.eta
    clipping = settings.clipping
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let from = plan.levels[index]
    let to = plan.target(index)
    let prediction = try predict(latents, index)
    let original = try prediction.original(of: latents, at: from, clipping)

    // Eq. 16. The noise ε is written as (x − √ᾱ·x₀) / √(1−ᾱ), so that it follows a clipped x₀, unless it should not.
    let deviation =
      eta * (to.noise / from.noise) * max(0, 1 - from.alphaCumprod / to.alphaCumprod).squareRoot()
    let share = max(0, 1 - to.alphaCumprod - deviation * deviation).squareRoot()
    let direction = share / from.noise
    let terms =
      if let clipping, !clipping.movesNoise {
        ((to.signal, original), (share, try prediction.noise(of: latents, at: from)))
      } else {
        ((to.signal - direction * from.signal, original), (direction, latents))
      }
    let next = try
      eta > 0
      ? weightedSum(terms.0, terms.1, (deviation, noise()))
      : weightedSum(terms.0, terms.1)
    return SamplerStep(latents: next, predictedOriginal: original)
  }
}
