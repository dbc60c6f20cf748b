import DiTTensors

/// A way to walk from noise to a picture.
///
/// To add one: write a file in `Samplers/` and a line in ``SamplerRegistry``. The state between steps is always
/// x = signal·x₀ + noise·ε of its level, which is what the model sees; a sampler that thinks in σ scales inside.
package protocol Sampler: Sendable {
  /// As on the command line.
  static var name: String { get }
  /// One line for a list of samplers: what it is and where it is from.
  static var summary: String { get }
  /// The levels it visits when the user names none.
  static var spacing: Spacing { get }
  /// Its own ``SamplerSettings/eta``; nil: it has none.
  static var defaultEta: Double? { get }
  /// Which paths from noise to picture it can walk.
  static func walks(_ path: NoiseSchedule.Path) -> Bool
  /// Whether it can begin where no signal is left; others then begin at an ᾱ of 2⁻²⁴, as diffusers' do.
  static var startsWithoutSignal: Bool { get }
  /// Steps of those that ask a distilled model without guidance; nil for all others.
  static var fewSteps: Int? { get }
  /// The levels of a run.
  /// - Throws: ``DiffusionError`` for settings that it cannot follow.
  static func plan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan

  init(plan: StepPlan, settings: SamplerSettings)

  /// The noise levels it visits.
  var plan: StepPlan { get }
  /// The levels at which the model is asked, in order.
  var evaluationLevels: [NoiseLevel] { get }
  /// What standard normal noise is multiplied with to start a run.
  var initialScale: Float { get }

  /// Takes step `index`; steps are taken once, in order, from 0 to `plan.count − 1`.
  /// - Parameters:
  ///   - latents: the state at `plan.levels[index]`, [B, C, H, W]. It is not written to.
  ///   - predict: asks the model about latents, at an index into ``evaluations``.
  ///   - noise: new standard normal noise for the whole batch, [B, C, H, W].
  mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep
}

extension Sampler {
  package static var defaultEta: Double? { nil }
  package static func walks(_ path: NoiseSchedule.Path) -> Bool { path == .betas }
  package static var startsWithoutSignal: Bool { false }
  package static var fewSteps: Int? { nil }

  package static func plan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    try usualPlan(settings, schedule)
  }

  /// The levels of the spacing or the respacing that is asked for.
  static func usualPlan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    var whole =
      if let respacing = settings.respacing {
        try StepPlan(respacing: respacing, schedule: schedule)
      } else {
        try StepPlan(settings.spacing ?? spacing, steps: settings.steps, schedule: schedule, settings.details)
      }
    if schedule.hasZeroTerminal, startsWithoutSignal { whole = whole.withoutSignal(at: schedule.trainTimesteps - 1) }
    if settings.endsAtFirstLevel { whole.end = schedule.level(timestep: 0) }
    return try whole.truncated(strength: settings.strength)
  }

  /// One a step, in visiting order, on the original scale.
  package var timesteps: [Float] { plan.levels.map { Float($0.timestep) } }
  package var evaluationLevels: [NoiseLevel] { plan.levels }
  /// Timesteps at which the model is asked, in order, on the original scale; conditioning can be prepared from them.
  package var evaluations: [Float] { evaluationLevels.map { Float($0.timestep) } }
  package var initialScale: Float { 1 }

  /// The state a run begins with.
  /// - Parameter noise: standard normal; it is written over.
  package func start(_ noise: Tensor) -> Tensor {
    let scale = initialScale
    guard scale != 1 else { return noise }
    noise.withFloats { values in
      for i in values.indices { values[i] *= scale }
    }
    return noise
  }

  /// All steps from `latents` on.
  /// - Parameter observe: sees every step as it ends.
  /// - Returns: the clean latents, [B, C, H, W].
  package mutating func run(
    from latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor,
    observe: (Int, SamplerStep) throws -> Void = { _, _ in }
  ) throws -> Tensor {
    var latents = latents
    for index in 0..<plan.count {
      let step = try step(index, latents, predict: predict, noise: noise)
      try observe(index, step)
      latents = step.latents
    }
    return latents
  }
}
