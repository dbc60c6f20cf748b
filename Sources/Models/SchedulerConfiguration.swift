import DiTCheckpoints
import DiTDiffusion
import DiTTransformer
import Foundation

/// What `scheduler_config.json` says: the noise a model was trained with, and the sampler that draws with it.
///
/// Every field is done, changes nothing by its value, or is refused by name. What only another sampler could do without is
/// refused when a picture is asked for (``refusal``), so that a user can choose that other sampler.
package struct SchedulerConfiguration: Sendable {
  package private(set) var schedule: NoiseSchedule
  /// `_class_name`; nil where there is no file or it does not say.
  package private(set) var className: String?
  /// The sampler of that class; nil where it says how the model was trained and not how it draws.
  package private(set) var sampler: String?
  /// How that sampler is set; its steps are nobody's.
  package private(set) var settings = SamplerSettings(steps: 1)
  /// Why that sampler cannot do what the file says.
  package private(set) var refusal: SchedulerRefusal?
  /// What the file says that its class does not know.
  package private(set) var notes: [String] = []

  /// Of a model without the file.
  package init(_ sampling: SamplingDefaults) {
    schedule = sampling.schedule
    settings.order = sampling.order
  }

  /// - Parameters:
  ///   - index: the class that `model_index.json` names, which counts where the file names none.
  ///   - training: classes that say how the model was trained, and not how it draws.
  /// - Throws: `ConfigurationError` naming the file and the field.
  package init(_ url: URL, named index: String? = nil, training: Set<String> = []) throws {
    var fields = try SchedulerFields(url, named: index)
    let name = try fields.string("_class_name")
    if let name, SchedulerClass.foreign.contains(name) {
      throw fields.wrong("_class_name", "and its models learned another kind of noise than this program removes")
    }
    let kind = name.flatMap(SchedulerClass.named)
    className = name
    do {
      schedule = try SchedulerConfiguration.schedule(&fields, kind, name ?? "")
    } catch let error as DiffusionError {
      throw ConfigurationError.wrong(file: fields.file, reason: error.description)
    }
    if let kind, let name {
      sampler = training.contains(name) ? nil : kind.sampler ?? name
      try readSettings(&fields, kind)
      if kind.sampler == nil { refuse("_class_name \(fields.text("_class_name")) is not here", kind, fields) }
      let unasked = Set(fields.unasked)
      let unknown = fields.all.filter { !kind.keys.contains($0) && (unasked.contains($0) || !fields.isOff($0)) }
      if !unknown.isEmpty {
        let why = kind.sampler == nil ? ":" : ", because \(name) has no"  // of a class that is not here not all is known
        notes = ["\(fields.file): not used\(why) \(unknown.joined(separator: ", "))"]
      }
      let zero = "rescale_betas_zero_snr"
      if schedule.path == .betas, unknown.contains(zero), !fields.isOff(zero) {
        refuse("\(zero) is \(fields.text(zero)), which \(name) does not do", kind, fields)
      }
      // What is off changes nothing, and what a class that is not here says of its way does not count.
      if kind.sampler != nil, let key = fields.unasked.first(where: { kind.keys.contains($0) && !fields.isOff($0) }) {
        refuse("\(key) is \(fields.text(key)), which is not done here", kind, fields)
      }
    } else {
      if let name {
        sampler = name
        refusal = SchedulerRefusal(file: fields.file, reason: "_class_name \"\(name)\" is not known here", sampler: "dpm++")
      }
      if !fields.unasked.isEmpty {
        notes = ["\(fields.file): not used without a known _class_name: \(fields.unasked.joined(separator: ", "))"]
      }
    }
    if let index, let name, index != name {
      notes.append("\(fields.file): its _class_name \(name) counts; model_index.json names \(printable(index))")
    }
  }

  /// Makes what the file says the model's own way of drawing.
  package func apply(to defaults: inout SamplingDefaults) {
    defaults.schedule = schedule
    guard let sampler else {
      // Samplers of continuous times and of few steps have levels of their own.
      let isFree = SamplerRegistry.fewSteps(defaults.sampler) == nil && SamplerRegistry.spacing(defaults.sampler) != .continuous
      if isFree { defaults.spacing = settings.spacing }
      return
    }
    defaults.spacing = settings.spacing
    defaults.sampler = refusal == nil ? sampler : className ?? sampler
    if let steps = SamplerRegistry.fewSteps(sampler) {
      (defaults.steps, defaults.guidanceScale) = (min(steps, settings.originalSteps), 1)
    }
  }

  /// "LCMScheduler: lcm, epsilon, linear betas 0.0001 to 0.02": for people.
  package var summary: String {
    let way = refusal.map { "refused: \($0.reason)" } ?? sampler.map { "sampler \($0)" } ?? "how the model was trained"
    let path =
      switch schedule.path {
      case .betas:
        "\(schedule.betas.count) betas from \(brief(schedule.betas.first)) to \(brief(schedule.betas.last))"
          + (schedule.hasZeroTerminal ? ", zero terminal SNR" : "")
      case .straight(let shift, _): "flow matching, shift \(brief(shift))"
      case .circle: "TrigFlow"
      }
    let more = [
      sampler == nil ? nil : settings.spacing.map { "\($0.rawValue) levels" },
      settings.details.offset > 0 ? "steps_offset \(settings.details.offset)" : nil,
      settings.order == 2 ? nil : "order \(settings.order)", settings.usesHeunType ? "solver_type heun" : nil,
      settings.clipping.map { if case .range = $0.bounds { "clipped predictions" } else { "dynamic thresholding" } },
      settings.endsAtFirstLevel ? "ends at the noise of timestep 0" : nil,
    ].compactMap(\.self)
    return ([way, schedule.prediction.rawValue, path] + more).joined(separator: ", ")
  }

  private func brief(_ value: Double?) -> String { String(format: "%.4g", value ?? 0) }

  private mutating func refuse(_ reason: String, _ kind: SchedulerClass, _ fields: SchedulerFields) {
    guard refusal == nil else { return }
    refusal = SchedulerRefusal(file: fields.file, reason: reason, sampler: kind.nearest)
  }

  // MARK: the schedule

  private static func schedule(
    _ fields: inout SchedulerFields, _ kind: SchedulerClass?, _ name: String
  ) throws -> NoiseSchedule {
    let steps = try fields.integer("num_train_timesteps", 1...1_000_000)
    if name.hasPrefix("FlowMatch") { return try flowMatching(&fields, steps ?? 1000) }
    if name == "SCMScheduler" {
      guard try fields.string("prediction_type") ?? "trigflow" == "trigflow" else {
        throw fields.wrong("prediction_type", "expected \"trigflow\"")
      }
      // Its σ is the unit of the latents, and no number here is in it. The model behind it is one of flow, told 0 to 1.
      fields.pass("sigma_data")
      return NoiseSchedule(.straight(shift: 1, scale: 1))
    }
    let text = try fields.string("prediction_type") ?? "epsilon"
    let usesFlow = try fields.flag("use_flow_sigmas") ?? false
    guard let prediction = PredictionKind(rawValue: text) else {
      let known = PredictionKind.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw fields.wrong("prediction_type", "expected one of \(known)")
    }
    guard usesFlow == (prediction == .flow) else {
      throw fields.wrong("prediction_type", "which does not go with use_flow_sigmas \(usesFlow)")
    }
    let shift = try fields.number("flow_shift", 1e-3...1e3) ?? 1
    try expectOff(&fields, "use_dynamic_shifting", "every size is shifted alike here")
    fields.pass("time_shift_type")
    if usesFlow {
      fields.pass("beta_start", "beta_end", "beta_schedule", "trained_betas", "timestep_spacing", "steps_offset")
      return NoiseSchedule(.straight(shift: shift, scale: Double(steps ?? 1000)), trainTimesteps: steps ?? 1000)
    }
    var schedule = try betas(&fields, kind, steps)
    schedule.prediction = prediction
    guard try fields.flag("rescale_betas_zero_snr") == true, kind?.keys.contains("rescale_betas_zero_snr") ?? true else {
      return schedule
    }
    guard prediction != .noise else {
      throw fields.wrong(
        "rescale_betas_zero_snr", "which needs another prediction_type than \"epsilon\": pure noise tells nothing of the picture")
    }
    return try schedule.rescaledToZeroTerminal()
  }

  private static func betas(
    _ fields: inout SchedulerFields, _ kind: SchedulerClass?, _ steps: Int?
  ) throws -> NoiseSchedule {
    let usual = kind?.betas ?? (1e-4, 0.02, .linear)
    let start = try fields.number("beta_start", 0...1) ?? usual.start
    let end = try fields.number("beta_end", 0...1) ?? usual.end
    let shape = try fields.string("beta_schedule")
    if let trained = try fields.numbers("trained_betas") {
      guard trained.count == steps ?? 1000 else {
        throw ConfigurationError.wrong(
          file: fields.file, reason: "trained_betas has \(trained.count) numbers, num_train_timesteps is \(steps ?? 1000)")
      }
      return try NoiseSchedule(betas: trained)
    }
    guard let known = shape.map(BetaSchedule.init(rawValue:)) ?? usual.schedule else {
      let all = BetaSchedule.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw fields.wrong("beta_schedule", "expected one of \(all)")
    }
    return try NoiseSchedule(known, trainTimesteps: steps ?? 1000, betaStart: start, betaEnd: end)
  }

  private static func flowMatching(_ fields: inout SchedulerFields, _ steps: Int) throws -> NoiseSchedule {
    let shift = try fields.number("shift", 1e-3...1e3) ?? 1
    try expectOff(&fields, "use_dynamic_shifting", "every size is shifted alike here")
    try expectOff(&fields, "invert_sigmas", "the way leads from noise to the picture")
    try expectOff(&fields, "stochastic_sampling", "Euler's steps draw no noise here")
    if fields.has("shift_terminal") { throw fields.wrong("shift_terminal", "expected null") }
    // Of dynamic shifting alone.
    fields.pass("base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "time_shift_type", "shift_terminal")
    return NoiseSchedule(.straight(shift: shift, scale: Double(steps)), trainTimesteps: steps)
  }

  private static func expectOff(_ fields: inout SchedulerFields, _ key: String, _ reason: String) throws {
    if try fields.flag(key) == true { throw fields.wrong(key, "expected false: \(reason)") }
  }
}

// MARK: - The sampler

extension SchedulerConfiguration {
  private mutating func readSettings(_ fields: inout SchedulerFields, _ kind: SchedulerClass) throws {
    func knows(_ key: String) -> Bool { kind.keys.contains(key) }
    if schedule.path == .betas { try readSpacing(&fields, kind) }
    try readClipping(&fields, kind)
    if knows("set_alpha_to_one"), try fields.flag("set_alpha_to_one") == false, sampler == "ddim" {
      settings.endsAtFirstLevel = true
    }
    if knows("final_sigmas_type") {
      switch try fields.string("final_sigmas_type") ?? "zero" {
      case "zero": break
      case "sigma_min" where schedule.path == .betas: settings.endsAtFirstLevel = true
      default:
        let expected = schedule.path == .betas ? "\"zero\" or \"sigma_min\"" : "\"zero\" with use_flow_sigmas"
        refuse("final_sigmas_type is \(fields.text("final_sigmas_type")), expected \(expected)", kind, fields)
      }
    }
    if knows("original_inference_steps") {
      settings.originalSteps = try fields.integer("original_inference_steps", 1...schedule.trainTimesteps) ?? 50
      settings.timestepScaling = try fields.number("timestep_scaling", 1e-6...1e6) ?? 10
    }
    if sampler == "ddpm" { try readVariance(&fields, kind) } else { fields.pass("variance_type") }
    if kind.sampler == "dpm++" || kind.sampler == "unipc" { try readSolver(&fields, kind) }
    if kind.sampler == "euler", knows("timestep_type") {
      let interpolation = try fields.string("interpolation_type") ?? "linear"
      settings.details.interpolatesSigmas = interpolation == "linear" && kind.interpolatesSigmas
      expect(fields, kind, "interpolation_type", interpolation, ["linear", "log_linear"])
      let timestepType = try fields.string("timestep_type") ?? "discrete"
      expect(fields, kind, "timestep_type", timestepType, ["discrete"])
      for key in ["sigma_min", "sigma_max"] where knows(key) && fields.has(key) {
        refuse("\(key) is \(fields.text(key)), expected null", kind, fields)
      }
      fields.pass("sigma_min", "sigma_max")
    }
  }

  private mutating func expect(
    _ fields: SchedulerFields, _ kind: SchedulerClass, _ key: String, _ value: String, _ all: [String]
  ) {
    guard !all.contains(value) else { return }
    let words = all.map { "\"\($0)\"" }.joined(separator: " or ")
    refuse("\(key) is \(fields.text(key)), expected \(words)", kind, fields)
  }

  private mutating func readSpacing(_ fields: inout SchedulerFields, _ kind: SchedulerClass) throws {
    settings.details.leavesZeroOut = kind.leavesZeroOut
    settings.details.interpolatesSigmas = kind.interpolatesSigmas
    // Consistency models have their own timesteps; diffusers reads neither field.
    guard !kind.spacings.isEmpty else { return fields.pass("timestep_spacing", "steps_offset") }
    let isTold = fields.has("timestep_spacing")
    let name = try fields.string("timestep_spacing") ?? kind.spacing
    let offset = try fields.integer("steps_offset", 0...schedule.trainTimesteps) ?? 0
    guard let spacing = kind.spacings[name] else {
      return refuse("timestep_spacing is \(fields.text("timestep_spacing")), expected linspace, leading or trailing", kind, fields)
    }
    // What a file of training does not say is not how the model draws.
    if sampler != nil || isTold { settings.spacing = spacing }
    if spacing == .leading { settings.details.offset = offset }
    let sigmas: [(key: String, spacing: Spacing)] = [
      ("use_karras_sigmas", .karras), ("use_exponential_sigmas", .exponential), ("use_beta_sigmas", .beta),
    ]
    let chosen = try sigmas.filter { try kind.keys.contains($0.key) && fields.flag($0.key) == true }
    if let one = chosen.first { settings.spacing = one.spacing }
    if chosen.count > 1 {
      refuse("\(chosen.map(\.key).joined(separator: " and ")) are true, expected one of them", kind, fields)
    }
    // The spacing that the sampler takes anyway is none that the file asks for.
    if let sampler, settings.spacing == SamplerRegistry.spacing(sampler) { settings.spacing = nil }
  }

  private mutating func readClipping(_ fields: inout SchedulerFields, _ kind: SchedulerClass) throws {
    let ratio = try fields.number("dynamic_thresholding_ratio", 0...1) ?? 0.995
    let maximum = try fields.number("sample_max_value", 0...1e6) ?? 1
    let range = try fields.number("clip_sample_range", 0...1e6) ?? 1
    let clips = try fields.flag("clip_sample") ?? kind.clips
    let thresholds = try fields.flag("thresholding") ?? false
    // diffusers' TCD reads none of them.
    if sampler == "tcd" { return }
    if thresholds, kind.keys.contains("thresholding") {
      guard maximum > 0 else { throw fields.wrong("sample_max_value", "expected a number above 0") }
      settings.clipping = Clipping(.dynamic(ratio: ratio, maximum: maximum), movesNoise: false)
    } else if clips, kind.keys.contains("clip_sample") {
      settings.clipping = Clipping(.range(range), movesNoise: false)
    }
  }

  private mutating func readVariance(_ fields: inout SchedulerFields, _ kind: SchedulerClass) throws {
    switch try fields.string("variance_type") ?? "fixed_small" {
    case "fixed_small", "fixed_small_log": settings.variance = .small
    case "fixed_large", "fixed_large_log": settings.variance = .large
    case "learned_range": settings.variance = .learned
    default: refuse("variance_type is \(fields.text("variance_type")), expected a fixed one or \"learned_range\"", kind, fields)
    }
  }

  private mutating func readSolver(_ fields: inout SchedulerFields, _ kind: SchedulerClass) throws {
    settings.order = try fields.integer("solver_order", 1...3) ?? 2
    let lowers = try fields.flag("lower_order_final") ?? true
    if kind.sampler == "unipc" {
      if settings.order == 3 { refuse("solver_order is 3, expected 1 or 2", kind, fields) }
      // Names of other solvers' types, which diffusers takes for bh2.
      let told = try fields.string("solver_type") ?? "bh2"
      expect(fields, kind, "solver_type", ["midpoint", "heun", "logrho"].contains(told) ? "bh2" : told, ["bh2"])
      if !lowers { refuse("lower_order_final is false, expected true", kind, fields) }
      if try fields.flag("predict_x0") == false { refuse("predict_x0 is false, expected true", kind, fields) }
      if let disabled = try fields.numbers("disable_corrector"), !disabled.isEmpty {
        refuse("disable_corrector is \(fields.text("disable_corrector")), expected []", kind, fields)
      }
      return
    }
    (settings.lowersFinalOrder, settings.eulerAtFinal) = (lowers, try fields.flag("euler_at_final") ?? false)
    // Names of other solvers' types, which diffusers takes for midpoint.
    let told = try fields.string("solver_type") ?? "midpoint"
    let type = ["logrho", "bh1", "bh2"].contains(told) ? "midpoint" : told
    expect(fields, kind, "solver_type", type, ["midpoint", "heun"])
    settings.usesHeunType = type == "heun"
    switch try fields.string("algorithm_type") ?? "dpmsolver++" {
    case "dpmsolver++", "deis": break
    case "sde-dpmsolver++" where schedule.path != .betas:
      refuse("algorithm_type is \"sde-dpmsolver++\", expected \"dpmsolver++\" with use_flow_sigmas", kind, fields)
    case "sde-dpmsolver++":
      if sampler == kind.sampler { sampler = "dpm++2m-sde" }
      if settings.order == 3 { refuse("solver_order is 3 with sde-dpmsolver++, expected 1 or 2", kind, fields) }
    default:
      refuse("algorithm_type is \(fields.text("algorithm_type")), expected \"dpmsolver++\" or \"sde-dpmsolver++\"", kind, fields)
    }
    if let least = try fields.number("lambda_min_clipped", -1e6...1e6), schedule.path == .betas {
      settings.details.minimumLambda = least
    }
    if try fields.flag("use_lu_lambdas") == true { refuse("use_lu_lambdas is true, expected false", kind, fields) }
    fields.pass("predict_x0", "solver_p", "disable_corrector")
  }
}
