import Foundation
import DiTTensors

/// DPM-Solver++(2M) (Lu et al., 2211.01095, algorithm 2): second order from one evaluation a step, midpoint form.
///
/// The sampler of PixArt. The first step and the last, which lands on σ = 0, are first order. A scheduler's configuration
/// may ask for order 1 or 3, and for Heun's form.
package struct DPMSolverPlusPlus: Sampler {
  package static let name = "dpm++"
  package static let summary = "DPM-Solver++(2M), second order; 15 to 30 steps"
  package static let spacing = Spacing.linear
  package static func walks(_ path: NoiseSchedule.Path) -> Bool { path != .circle }

  package let plan: StepPlan
  private let settings: SamplerSettings
  /// Fresh noise at every step, as the equation's stochastic form has it.
  private let isStochastic: Bool
  /// Pictures predicted before, the newest first: m₁, m₂.
  private var history: [Tensor] = []

  package init(plan: StepPlan, settings: SamplerSettings) { self.init(plan: plan, settings: settings, isStochastic: false) }

  init(plan: StepPlan, settings: SamplerSettings, isStochastic: Bool) {
    self.plan = plan
    self.settings = settings
    self.isStochastic = isStochastic
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let from = plan.levels[index]
    let to = plan.target(index)
    let original = try predict(latents, index).original(of: latents, at: from, settings.clipping)
    defer { history = [original] + history.prefix(1) }

    // x' = (σ'/σ) x − α'(e^{−h} − 1)(m₀ + ½ (h/h₀)(m₀ − m₁)), with e^{−h} = 0 when the target is clean; the stochastic form
    // has e^{−2h}, and forgets more of x.
    let length = to.lambda - from.lambda
    let span = isStochastic ? 2 * length : length
    let gain = -to.signal * expm1(-span)
    let decay = to.noise / from.noise * (isStochastic ? exp(-length) : 1)
    let weights = slopes(index, length, span, gain: gain, signal: to.signal)
    var next = try weightedSum(
      [(decay, latents), (gain + weights.reduce(0, +), original)] + zip(weights, history).map { (-$0, $1) })
    if isStochastic {
      next = try weightedSum((1, next), (to.noise * (-expm1(-span)).squareRoot(), noise()))
    }
    return SamplerStep(latents: next, predictedOriginal: original)
  }

  /// How much of m₁ and of m₂ is taken off, and added as m₀; fewer for a lower order.
  private func slopes(_ index: Int, _ length: Double, _ span: Double, gain: Double, signal: Double) -> [Double] {
    let before = { (steps: Int) in plan.levels[index - steps + 1].lambda - plan.levels[index - steps].lambda }
    let order = min(order(index), history.count + 1)
    // Rounding can repeat a level: after a step of no length the order is 1.
    guard order > 1, length.isFinite, before(1) > 0 else { return [] }
    let first = length / before(1)  // 1/r₀
    let heun = span > 0 ? signal * (expm1(-span) / span + 1) : 0
    guard order > 2, before(2) > 0, span > 0 else { return [(settings.usesHeunType ? heun : gain / 2) * first] }
    // D₁ = (1 + w) a − w b and D₂ = (a − b)/(r₀ + r₁), with a = (m₀ − m₁)/r₀, b = (m₁ − m₂)/r₁, w = r₀/(r₀ + r₁).
    let second = length / before(2)
    let sum = 1 / first + 1 / second
    let weight = 1 / first / sum
    let third = signal * (0.5 - (expm1(-span) + span) / (span * span)) / sum
    let (a, b) = ((heun * (1 + weight) + third) * first, -(heun * weight + third) * second)
    // a·(m₀ − m₁) + b·(m₁ − m₂): what m₁ loses is a − b, what m₂ loses is b.
    return [a - b, b]
  }

  private func order(_ index: Int) -> Int {
    let last = plan.count - 1
    let isLowered = settings.lowersFinalOrder && plan.count < 15
    if index == last, settings.eulerAtFinal || isLowered || plan.end.noise == 0 { return 1 }
    return index == last - 1 && isLowered ? min(2, settings.order) : settings.order
  }
}
