import Foundation
import DiTTensors

/// Ancestral sampling (Ho et al., 2006.11239, algorithm 2) with the learned variance of Nichol & Dhariwal
/// (2102.09672, eq. 15) where the model has one, and the posterior variance where it has not; or β, if settings say so.
///
/// This is the sampler of the DiT paper: 250 steps of it make the published numbers.
package struct DDPM: Sampler {
  package static let name = "ddpm"
  package static let summary = "ancestral sampling with learned variance, DiT's own; 100 to 250 steps"
  package static let spacing = Spacing.respaced
  package static let startsWithoutSignal = true

  package let plan: StepPlan
  private let tables: RespacedSchedule
  private let clipping: Clipping?
  private let variance: SamplerSettings.Variance

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    tables = RespacedSchedule(plan)
    clipping = settings.clipping
    variance = settings.variance
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let at = plan.count - 1 - index  // The tables count from the clean end.
    let prediction = try predict(latents, index)
    let original = try prediction.original(of: latents, at: plan.levels[index], clipping)
    let next = try weightedSum(
      (tables.posteriorMeanOriginal[at], original), (tables.posteriorMeanLatents[at], latents))  // [B, C, H, W]

    // Noise is drawn at the last step too, where it has no use: a seed then gives PyTorch's sequence of draws.
    let fresh = try noise()
    // A step of no length (rounding can repeat a level) adds none either.
    if at > 0 && tables.betas[at] > 0 {
      add(fresh, to: next, logits: variance == .learned ? prediction.varianceLogits : nil, at)
    }
    return SamplerStep(latents: next, predictedOriginal: original)
  }

  /// next += exp(½ ln σ²) · noise, where ln σ² lies between ln β̃ and ln β as the logits say (they are not clamped).
  private func add(_ noise: Tensor, to next: Tensor, logits: Tensor?, _ at: Int) {
    let low = tables.posteriorLogVarianceClipped[at]
    let range = tables.logBetas[at] - low
    let fixed = variance == .large ? tables.betas[at].squareRoot() : exp(low / 2)
    next.withFloats { target in
      noise.withFloats { noise in
        guard let logits else {
          for index in target.indices { target[index] = Float(Double(target[index]) + fixed * Double(noise[index])) }
          return
        }
        logits.withFloats { logits in
          for index in target.indices {
            let deviation = exp((low + (Double(logits[index]) + 1) / 2 * range) / 2)
            target[index] = Float(Double(target[index]) + deviation * Double(noise[index]))
          }
        }
      }
    }
  }
}
