import DiTTensors

/// Trajectory consistency distillation (Zheng et al., 2402.19159, algorithm 4, strategic stochastic sampling): a step goes
/// below its target by the share γ of its way to the picture, and comes back up by fresh noise. 0 draws none.
package struct TCD: Sampler {
  package static let name = "tcd"
  package static let summary = "trajectory consistency, for models distilled for it; 4 to 8 steps, guidance 1, eta is its gamma"
  package static let spacing = Spacing.lcm
  package static let startsWithoutSignal = true
  package static let fewSteps: Int? = 4
  package static let defaultEta: Double? = 0.3

  package static func plan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    var plan = try ConsistencyTimesteps.plan(name, settings, schedule)
    plan.end = schedule.level(timestep: 0)
    let share = Float(1 - settings.eta)
    // In float32, as in PyTorch, which decides a few of them.
    let below = plan.levels.indices.map { (share * Float(plan.target($0).timestep)).rounded(.down) }
    plan.intermediate = below.map { schedule.level(timestep: Double($0)) }
    return plan
  }

  package let plan: StepPlan
  private let gamma: Double

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    gamma = settings.eta
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let (from, below, to) = (plan.levels[index], plan.intermediate[index], plan.target(index))
    let prediction = try predict(latents, index)
    let original = try prediction.original(of: latents, at: from)
    let lower = try weightedSum((below.signal, original), (below.noise, prediction.noise(of: latents, at: from)))
    guard gamma > 0, index + 1 < plan.count else { return SamplerStep(latents: lower, predictedOriginal: original) }
    let share = to.alphaCumprod / below.alphaCumprod
    let next = try weightedSum((share.squareRoot(), lower), (max(0, 1 - share).squareRoot(), noise()))
    return SamplerStep(latents: next, predictedOriginal: original)
  }
}
