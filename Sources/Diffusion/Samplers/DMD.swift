import DiTTensors

/// The one step of distribution matching distillation (Yin et al., 2311.18828): pure noise is said to be at timestep 400, and
/// the predicted picture is the result.
///
/// For PixArt-DMD, without guidance.
package struct DMD: Sampler {
  package static let name = "dmd"
  package static let summary = "distribution matching, for models distilled for it (PixArt-DMD); 1 step, guidance 1"
  package static let spacing = Spacing.trailing
  package static let fewSteps: Int? = 1
  /// Of the one evaluation, out of 1,000.
  private static let timestep = 400.0

  package static func plan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    guard settings.steps == 1, settings.respacing == nil else {
      throw DiffusionError.setting("dmd takes 1 step; choose another sampler for more")
    }
    guard settings.spacing == nil else {
      throw DiffusionError.setting("dmd asks the model at one timestep of its own; choose no noise levels")
    }
    guard settings.strength == 1 else {
      throw DiffusionError.setting("dmd starts from noise alone and has no strength; choose another sampler for --image")
    }
    return StepPlan(levels: [schedule.level(timestep: timestep * Double(schedule.trainTimesteps) / 1000)])
  }

  package let plan: StepPlan
  private let clipping: Clipping?

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let original = try predict(latents, index).original(of: latents, at: plan.levels[index], clipping)
    return SamplerStep(latents: original, predictedOriginal: original)
  }
}
