/// What other programs call the samplers: web UI ("DPM++ 2M Karras"), ComfyUI and sd.cpp ("dpmpp_2m"), InvokeAI
/// ("dpmpp_2m_k"), diffusers ("DPMSolverMultistepScheduler").
package enum SamplerNames {
  /// The names of each sampler elsewhere, spelled as ``key(of:)`` spells them.
  private static let aliases: [String: [String]] = [
    DPMSolverPlusPlus.name: [
      "dpmpp2m", "dpmsolverpp", "dpmsolverpp2m", "dpmsolvermultistep", "dpmsolvermultistepscheduler", "dpm2mpp",
    ],
    UniPC.name: ["unipcbh2", "unipcmultistep", "unipcmultistepscheduler"],
    Heun.name: ["heundiscrete", "heundiscretescheduler"],
    Euler.name: ["eulerdiscrete", "eulerdiscretescheduler"],
    DDIM.name: ["ddimscheduler"],
    DDPM.name: ["ddpmscheduler"],
    DPMSolverSDE.name: ["dpmsolverpp2msde", "dpmpp2msdegpu"],
    EulerAncestral.name: ["eulerancestral", "eulerancestraldiscrete", "eulerancestraldiscretescheduler"],
    LCM.name: ["lcmscheduler"],
    TCD.name: ["tcdscheduler"],
    SCM.name: ["scmscheduler"],
  ]

  /// The words for where noise levels lie, at the end of a name or in a field of their own. Nil: the sampler's own.
  private static let spacings: [String: Spacing?] = [
    "karras": .karras, "k": .karras, "simple": .trailing, "sgmuniform": .trailing, "ddimuniform": .leading,
    "exponential": .exponential, "beta": .beta,
    "normal": nil, "uniform": nil, "automatic": nil, "discrete": nil,
  ]

  /// Samplers that are not here, and the one that is most like them; the first beginning that fits counts.
  private static let relatives: [(beginning: String, sampler: String)] = [
    ("eulera", EulerAncestral.name), ("dpmppsde", DPMSolverSDE.name), ("dpmpp2msde", DPMSolverSDE.name),
    ("dpmpp3msde", DPMSolverSDE.name), ("euler", Euler.name),
    ("heun", Heun.name), ("dpm", DPMSolverPlusPlus.name), ("unipc", UniPC.name),
    ("lms", Euler.name), ("plms", DDIM.name), ("pndm", DDIM.name), ("ddim", DDIM.name), ("ddpm", DDPM.name),
    ("deis", DPMSolverPlusPlus.name), ("ipndm", DPMSolverPlusPlus.name), ("resmultistep", DPMSolverPlusPlus.name),
    ("lcm", LCM.name), ("tcd", TCD.name), ("dmd", DMD.name),
  ]

  /// The sampler of that name here or elsewhere, and its spacing where the name says one.
  /// - Parameter schedule: the spacing's name where it stands apart, as the web UI's "Schedule type".
  /// - Returns: nil where there is no such sampler, or no such spacing.
  package static func resolve(_ name: String, schedule: String? = nil) -> (sampler: String, spacing: Spacing?)? {
    guard let (sampler, named) = split(key(of: name)) else { return nil }
    guard let schedule = schedule.map(key), schedule != sampler else { return (sampler, named) }
    if let spacing = spacings[schedule] { return (sampler, spacing ?? named) }
    return Spacing(rawValue: schedule).map { (sampler, $0) }
  }

  /// The sampler here that is most like one that is not; nil for a name that means nothing.
  package static func nearest(to name: String) -> String? {
    let key = key(of: name)
    return relatives.first { key.hasPrefix($0.beginning) }?.sampler
  }

  private static func split(_ key: String) -> (String, Spacing?)? {
    if let sampler = samplers[key] { return (sampler, nil) }
    for (ending, spacing) in spacings where key.hasSuffix(ending) {
      if let sampler = samplers[String(key.dropLast(ending.count))] { return (sampler, spacing) }
    }
    return nil
  }

  private static let samplers: [String: String] = {
    let known = SamplerRegistry.names.flatMap { name in
      ([key(of: name)] + (aliases[name] ?? [])).map { ($0, name) }
    }
    return Dictionary(known, uniquingKeysWith: { first, _ in first })
  }()

  /// Letters and digits in lower case; "++" is "pp". A "k_" before it, for k-diffusion, says nothing here.
  private static func key(of name: String) -> String {
    let lower = name.lowercased().replacing("++", with: "pp")
    let plain = lower.hasPrefix("k_") ? lower.dropFirst(2) : lower[...]
    return String(plain.filter { $0.isLetter || $0.isNumber })
  }
}
