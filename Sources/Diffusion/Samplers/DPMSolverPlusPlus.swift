import Foundation
import DiTTensors

/// DPM-Solver++(2M) (Lu et al., 2211.01095, algorithm 2): second order from one evaluation a step, midpoint form.
///
/// The sampler of PixArt. The first step and the last, which lands on σ = 0, are first order.
package struct DPMSolverPlusPlus: Sampler {
  package static let name = "dpm++"
  package static let summary = "DPM-Solver++(2M), second order; 15 to 30 steps"
  package static let spacing = Spacing.linear

  package let plan: StepPlan
  private let clip: Bool
  /// m₁, the picture predicted a step ago.
  private var previous: Tensor?

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clip = settings.clip
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let from = plan.levels[index]
    let to = plan.target(index)
    let original = try denoised(latents, try predict(latents, index).noise, at: from, clip: clip)
    defer { previous = original }

    // x' = (σ'/σ) x − α'(e^{−h} − 1)(m₀ + ½ (h/h₀)(m₀ − m₁)), with e^{−h} = 0 when the target is clean.
    let length = to.lambda - from.lambda
    let gain = -to.signal * expm1(-length)
    let slope = previous == nil ? 0 : halfSlope(index, length)
    let next =
      if let previous, slope != 0 {
        try weightedSum(
          (to.noise / from.noise, latents), (gain * (1 + slope), original), (-gain * slope, previous))
      } else {
        try weightedSum((to.noise / from.noise, latents), (gain, original))
      }
    return SamplerStep(latents: next, predictedOriginal: original)
  }

  /// ½ h/h₀, or 0 for a first-order step: the last one, and after a step of no length (rounding can repeat a level).
  private func halfSlope(_ index: Int, _ length: Double) -> Double {
    let before = plan.levels[index].lambda - plan.levels[index - 1].lambda
    return length.isFinite && before > 0 ? length / before / 2 : 0
  }
}
