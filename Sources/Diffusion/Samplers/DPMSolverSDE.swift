import DiTTensors

/// SDE-DPM-Solver++(2M) (2211.01095, section 5): ``DPMSolverPlusPlus`` of the equation's stochastic form.
package struct DPMSolverSDE: Sampler {
  package static let name = "dpm++2m-sde"
  package static let summary = "SDE-DPM-Solver++(2M), second order with fresh noise; 20 to 50 steps"
  package static let spacing = Spacing.linear

  private var solver: DPMSolverPlusPlus

  package init(plan: StepPlan, settings: SamplerSettings) {
    solver = DPMSolverPlusPlus(plan: plan, settings: settings, isStochastic: true)
  }

  package var plan: StepPlan { solver.plan }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    try solver.step(index, latents, predict: predict, noise: noise)
  }
}
