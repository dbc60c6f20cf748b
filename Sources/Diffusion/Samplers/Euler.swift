import DiTTensors

/// Euler's method on dX/dσ = (X − x₀)/σ (Karras et al., 2206.00364, eq. 3 and algorithm 1 without its second half).
///
/// X = x/√ᾱ is the state in σ space. With the same levels a step equals one of DDIM with eta 0; what differs is
/// where the levels lie.
package struct Euler: Sampler {
  package static let name = "euler"
  package static let summary = "Euler in sigma space, first order; 30 steps or more"
  package static let spacing = Spacing.inclusive
  package static func walks(_ path: NoiseSchedule.Path) -> Bool { path != .circle }

  package let plan: StepPlan
  package let initialScale: Float
  private let clipping: Clipping?

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
    initialScale = Euler.initialScale(plan, settings)
  }

  /// X starts as σ · noise, so x as √(1−ᾱ) · noise; as plain noise where the first level is far from the end (`leading`).
  static func initialScale(_ plan: StepPlan, _ settings: SamplerSettings) -> Float {
    settings.spacing == .leading ? 1 : Float(plan.levels[0].noise)
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let from = plan.levels[index]
    let to = plan.target(index)
    let original = try predict(latents, index).original(of: latents, at: from, clipping)
    return SamplerStep(
      latents: try Euler.step(latents, original, from: from, to: to), predictedOriginal: original)
  }

  /// X' = X + (σ'−σ)(X − x₀)/σ = (σ'/σ) X + (1 − σ'/σ) x₀; on a straight path the same x' = (σ'/σ) x + (1 − σ'/σ) x₀.
  static func step(_ latents: Tensor, _ original: Tensor, from: NoiseLevel, to: NoiseLevel) throws -> Tensor {
    let ratio = to.noise / from.noise
    return try weightedSum((ratio, latents), (to.signal - from.signal * ratio, original))
  }
}
