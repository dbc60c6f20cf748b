import Foundation
import DiTTensors

/// UniPC of order 2 (or 1) with B(h) = e^h − 1 ("bh2"; Zhao et al., 2302.04867, algorithms 1 to 3), data prediction.
///
/// Each step first corrects the state it got, with the prediction made there (UniC), then predicts the next one (UniP);
/// the correction costs no evaluation.
package struct UniPC: Sampler {
  package static let name = "unipc"
  package static let summary = "UniPC bh2, second order predictor and corrector; 10 to 20 steps"
  package static let spacing = Spacing.linear
  package static func walks(_ path: NoiseSchedule.Path) -> Bool { path != .circle }

  package let plan: StepPlan
  private let clipping: Clipping?
  /// Predictions of the last two steps, the newer one last.
  private var history: [Tensor] = []
  /// The corrected state that the last step started from.
  private var start: Tensor?
  /// Order of the last predictor; its corrector has the same.
  private var order = 1
  private let highestOrder: Int

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
    highestOrder = settings.order
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let original = try predict(latents, index).original(of: latents, at: plan.levels[index], clipping)
    let corrected = try correct(index, latents, original)
    history = history.suffix(1) + [original]
    start = corrected
    return try SamplerStep(latents: predictNext(index, corrected), predictedOriginal: original)
  }

  /// UniP: x' = (σ'/σ) x − α'(e^{−h} − 1)(m₀ + ½ (m₁ − m₀)/r), r = (λ₁ − λ₀)/h the place of the prediction before.
  private mutating func predictNext(_ index: Int, _ latents: Tensor) throws -> Tensor {
    let from = plan.levels[index]
    let to = plan.target(index)
    let length = to.lambda - from.lambda
    let gain = -to.signal * expm1(-length)
    let ratio = index == plan.count - 1 ? nil : place(before: index, length)
    order = ratio == nil ? 1 : 2
    guard let ratio else {
      return try weightedSum((to.noise / from.noise, latents), (gain, history[history.count - 1]))
    }
    let slope = 0.5 / ratio
    return try weightedSum(
      (to.noise / from.noise, latents), (gain * (1 - slope), history[1]), (gain * slope, history[0]))
  }

  /// UniC: the last step once more, now knowing the prediction at its end.
  private func correct(_ index: Int, _ latents: Tensor, _ original: Tensor) throws -> Tensor {
    guard index > 0, let start, let newest = history.last else { return latents }
    let from = plan.levels[index - 1]
    let to = plan.levels[index]
    let length = to.lambda - from.lambda
    guard length > 0 else { return latents }
    let gain = -to.signal * expm1(-length)
    let decay = to.noise / from.noise
    guard order == 2, let ratio = place(before: index - 1, length) else {
      return try weightedSum((decay, start), (gain / 2, newest), (gain / 2, original))
    }

    // Weights ρ of (m₁ − m₀)/r and of (m − m₀) solve ρ₁ + ρ₂ = b₁ and r ρ₁ + ρ₂ = b₂ (eq. 11).
    let h = -length
    let phi2 = expm1(h) / h - 1
    let phi3 = phi2 / h - 0.5
    let b1 = phi2 / expm1(h)
    let b2 = 2 * phi3 / expm1(h)
    let older = (b1 - b2) / (1 - ratio)
    let slope = older / ratio
    let end = b1 - older
    return try weightedSum(
      (decay, start), (gain * (1 - slope - end), newest), (gain * slope, history[0]), (gain * end, original))
  }

  /// r of a step from `index`, or nil when it is first order: the first one, the one that lands on σ = 0, and those
  /// next to a level that rounding repeats.
  private func place(before index: Int, _ length: Double) -> Double? {
    guard highestOrder > 1, index > 0, length > 0, length.isFinite else { return nil }
    let back = plan.levels[index - 1].lambda - plan.levels[index].lambda
    return back < 0 ? back / length : nil
  }
}
