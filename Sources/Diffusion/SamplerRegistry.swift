/// All samplers, by name.
package enum SamplerRegistry {
  /// The first is the default. A new sampler is one line here.
  package static let all: [any Sampler.Type] = [
    DPMSolverPlusPlus.self,
    UniPC.self,
    Heun.self,
    Euler.self,
    DDIM.self,
    DDPM.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  /// A sampler ready for its first step.
  /// - Throws: ``DiffusionError``, one line that says what can be chosen instead.
  package static func make(
    _ name: String, schedule: NoiseSchedule = .dit, settings: SamplerSettings
  ) throws -> any Sampler {
    guard let type = all.first(where: { $0.name == name }) else {
      throw DiffusionError.unknownSampler(name, known: names)
    }
    guard settings.eta >= 0 && settings.eta <= 1 else {
      throw DiffusionError.setting("eta \(settings.eta) must lie between 0 and 1")
    }
    guard settings.eta == 0 || type.acceptsEta else {
      let able = all.filter { $0.acceptsEta }.map { $0.name }.joined(separator: ", ")
      throw DiffusionError.setting("\(name) has no eta; choose \(able) for it")
    }
    let whole =
      if let respacing = settings.respacing {
        try StepPlan(respacing: respacing, schedule: schedule)
      } else {
        try StepPlan(settings.spacing ?? type.spacing, steps: settings.steps, schedule: schedule)
      }
    return type.init(plan: try whole.truncated(strength: settings.strength), settings: settings)
  }
}
