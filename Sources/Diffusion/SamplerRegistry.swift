extension NoiseSchedule.Path {
  /// "a model of flow matching".
  fileprivate var words: String {
    switch self {
    case .betas: "a model that learned to remove noise step by step"
    case .straight: "a model of flow matching"
    case .circle: "a TrigFlow model"
    }
  }
}

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
    DPMSolverSDE.self,
    DPMSolverSinglestep.self,
    EulerAncestral.self,
    LCM.self,
    TCD.self,
    DMD.self,
    SCM.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  /// Steps of those that ask a distilled model without guidance.
  package static func fewSteps(_ name: String) -> Int? { all.first { $0.name == name }?.fewSteps }

  /// The levels that a sampler visits where nobody says.
  package static func spacing(_ name: String) -> Spacing? { all.first { $0.name == name }?.spacing }

  /// The share of fresh noise that a sampler takes where nobody says one.
  package static func defaultEta(_ name: String) -> Double { all.first { $0.name == name }?.defaultEta ?? 0 }

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
    guard settings.eta == 0 || type.defaultEta != nil else {
      let able = all.filter { $0.defaultEta != nil }.map { $0.name }.joined(separator: ", ")
      throw DiffusionError.setting("\(name) has no eta; choose \(able) for it")
    }
    guard type.walks(schedule.path) else {
      let able = all.filter { $0.walks(schedule.path) }.map { $0.name }.joined(separator: ", ")
      throw DiffusionError.setting("\(name) does not draw with \(schedule.path.words); choose \(able)")
    }
    return type.init(plan: try type.plan(settings, schedule), settings: settings)
  }
}
