import DiTTensors

/// The timesteps of consistency models (Luo et al., 2310.04378): they learned ``SamplerSettings/originalSteps`` of them.
enum ConsistencyTimesteps {
  /// The levels of a run: by default every so many of the learned timesteps; others have to be whole and above 0, where the
  /// boundary condition makes a step that does nothing.
  ///
  /// With a strength below 1 the learned timesteps end earlier, and all steps are taken below that.
  static func plan(_ name: String, _ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    let spacing = settings.spacing ?? .lcm
    guard settings.respacing == nil, Spacing.ofConsistency.contains(spacing) else {
      let able = Spacing.ofConsistency.map(\.rawValue).joined(separator: ", ")
      throw DiffusionError.setting("\(name) needs whole timesteps above 0; choose the noise levels \(able)")
    }
    // Any other sampler has the same levels.
    guard spacing == .lcm || spacing == .lcmStride else { return try DDIM.plan(settings, schedule) }
    guard settings.strength > 0, settings.strength <= 1 else {
      throw DiffusionError.setting("strength \(settings.strength) must be above 0 and at most 1")
    }
    let total = schedule.trainTimesteps
    guard (1...total).contains(settings.originalSteps) else {
      throw DiffusionError.setting("original_inference_steps is \(settings.originalSteps), expected 1 to \(total)")
    }
    let stride = total / settings.originalSteps
    let learned = max(1, Int(Double(settings.originalSteps) * settings.strength + 1e-9))
    if settings.strength < 1, settings.steps > learned {
      throw DiffusionError.setting(
        "strength \(settings.strength) leaves \(learned) of \(name)'s \(settings.originalSteps) timesteps, too few for "
          + "\(settings.steps) steps; choose a larger strength or fewer steps")
    }
    guard (1...learned).contains(settings.steps) else { throw DiffusionError.steps(settings.steps, limit: learned) }
    let timesteps = (0..<settings.steps).map { step in
      let place = spacing == .lcm ? step * learned / settings.steps : step * (learned / settings.steps)
      return Double(stride * (learned - place) - 1)
    }
    let plan = StepPlan(levels: timesteps.map(schedule.level(timestep:)))
    return schedule.hasZeroTerminal ? plan.withoutSignal(at: total - 1) : plan
  }
}
