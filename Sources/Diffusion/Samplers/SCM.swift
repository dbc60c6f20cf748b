import DiTTensors

/// The consistency sampling of TrigFlow models (Lu & Song, 2410.11081; SANA-Sprint, 2503.09641): each step predicts the picture
/// and makes it noisy again, at angles between pure noise and the picture.
///
/// x = cos(a)·x₀ + sin(a)·ε in units of the data's σ. A flow model sees the same, scaled onto its straight path: at
/// t = sin/(cos + sin).
package struct SCM: Sampler {
  package static let name = "scm"
  package static let summary = "TrigFlow consistency, for SANA-Sprint and its kin; 1 to 4 steps, guidance 1"
  package static let spacing = Spacing.inclusive
  package static func walks(_ path: NoiseSchedule.Path) -> Bool { path != .betas }
  package static let fewSteps: Int? = 2

  package static func plan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    guard (1...schedule.trainTimesteps).contains(settings.steps) else {
      throw DiffusionError.steps(settings.steps, limit: schedule.trainTimesteps)
    }
    guard settings.spacing == nil, settings.respacing == nil else {
      throw DiffusionError.setting("scm has angles of its own; choose no noise levels")
    }
    let levels = angles(settings.steps).dropLast().map { angle in
      guard case .straight(_, let scale) = schedule.path else { return NoiseLevel(angle: angle) }
      let level = NoiseLevel(angle: angle)
      let share = level.noise / (level.signal + level.noise)
      return NoiseLevel(timestep: scale * share, straight: share)
    }
    return try StepPlan(levels: levels).truncated(strength: settings.strength)
  }

  /// From 1.5708, as the model was trained, to 0; float32, as in PyTorch.
  package static func angles(_ steps: Int) -> [Double] {
    let angles = steps == 2 ? [1.5708, 1.3, 0] : linspace(1.5708, 0, steps + 1)
    return angles.map { Double(Float($0)) }
  }

  package let plan: StepPlan
  private let clipping: Clipping?

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
  }

  /// 1 on the circle.
  package var initialScale: Float { Float((plan.levels[0].signal.squared + plan.levels[0].noise.squared).squareRoot()) }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let to = plan.target(index)
    let original = try predict(latents, index).original(of: latents, at: plan.levels[index], clipping)
    // Noise is drawn at the last step too, where it has no use, as in diffusers.
    let next = try weightedSum((to.signal, original), (to.noise, noise()))
    return SamplerStep(latents: next, predictedOriginal: original)
  }
}

extension Double {
  fileprivate var squared: Double { self * self }
}
