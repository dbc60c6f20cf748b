import DiTCheckpoints
import DiTDiffusion
import DiTTensors
import DiTTransformer
import Foundation

/// Golden runs of few steps and of flow matching: every state, and the random numbers of one generator.
@Sendable func verifyFewStep(_ test: inout VerificationCase) throws {
  if test.name.hasSuffix(".json") { return try verifyFewStepTables(&test) }
  guard let parameters = test.manifest["model_parameters"] else { return try verifyGuidanceEmbedding(&test) }
  let file = try test.data()
  let run = try FewStepRun(test.manifest, file)
  var sampler = run.sampler
  if let timesteps = test.manifest["timesteps"]?.numbers ?? test.manifest["model_timesteps"]?.numbers {
    test.exact("timesteps", agree(sampler.plan.levels.map(\.timestep), timesteps))
  }
  if let sigmas = test.manifest["sigmas"]?.numbers {
    let levels = sampler.plan.levels + [sampler.plan.end]
    test.exact("sigmas", agree(levels.map { run.isFlow ? $0.noise : $0.sigma }, sigmas))
  }

  // The same generator draws the start and everything after it.
  let start = try file.tensor("input.x_T")
  let noise = try file.contains("input.noise") ? file.tensor("input.noise") : nil
  var random = TorchRandom(seed: UInt64(test.manifest["random"]?["seed"]?.integer ?? 0))
  var drawn = try random.randn(start.shape).array
  let model = try parameters.decoded(as: AnalyticDenoiser.self)
  let (kind, plan, scale) = (run.schedule.prediction, sampler.plan, sampler.initialScale)
  let levels = sampler.evaluationLevels
  var recorded: [String: [Float]] = [:]
  let end = try sampler.run(
    from: scaled(start, Double(scale)),
    predict: { latents, index in
      let prediction = try model(latents, at: levels[index], says: kind)
      recorded["model_input", default: []] += latents.array
      recorded["model_output", default: []] += run.circular(prediction.output, latents, at: levels[index])
      return prediction
    },
    noise: {
      let next = try random.randn(start.shape)
      drawn += next.array
      let index = drawn.count / start.count - 2
      guard let noise, index < noise.shape[0] else { return next }
      return noise.slice(index, count: 1).reshaped(start.shape)
    },
    observe: { index, step in
      let unit = run.unit(of: plan.target(index))
      recorded["x", default: []] += try scaled(step.latents, unit).array
      recorded["denoised", default: []] += try scaled(step.predictedOriginal, run.sigma).array
      recorded["pred_x0", default: []] += step.predictedOriginal.array
    })
  recorded["final"] = end.array
  for (name, values) in recorded.sorted(by: { $0.key < $1.key }) where file.contains("expected." + name) {
    // DMD's file has no axis of steps.
    test.compare(name, expected: try file.tensor("expected." + name).array, actual: values)
  }
  let random32 = start.array + (noise?.array ?? [])
  test.compare("random draws", expected: random32, actual: drawn)
}

/// What a manifest describes.
private struct FewStepRun {
  let schedule: NoiseSchedule
  let sampler: any Sampler
  let isFlow: Bool
  /// σ of the data, in whose units the states of SCM are not.
  let sigma: Double

  init(_ manifest: JSONValue, _ file: Checkpoint) throws {
    let description = manifest["sampler"]?.string ?? ""
    let steps = manifest["steps"]?.integer ?? 1
    var settings = SamplerSettings(
      steps: steps, eta: manifest["gamma"]?.number ?? 0,
      clipping: manifest["clip_sample"]?.bool == true ? Clipping(.range(1)) : nil, strength: manifest["strength"]?.number ?? 1)
    settings.spacing = manifest["spacing"]?.string.flatMap(Spacing.init)
    settings.originalSteps = manifest["original_inference_steps"]?.integer ?? 50
    settings.timestepScaling = manifest["timestep_scaling"]?.number ?? 10
    isFlow = description.hasPrefix("flow")
    sigma = manifest["sigma_data"]?.number ?? 1
    let name: String
    switch description {
    case "LCM":
      name = "lcm"
      // Custom timesteps are the list of the original script.
      if manifest["timesteps"]?.integers == [999, 759, 519, 279] { settings.spacing = .lcmStride }
    case "TCD": name = "tcd"
    case _ where description.hasPrefix("DMD"): name = "dmd"
    case _ where description.hasPrefix("DDPM as diffusers (trailing"):
      (name, settings.spacing, settings.variance) = ("ddpm", .trailing, .small)
    case "Euler", "flow Euler": name = "euler"
    case "Euler ancestral": name = "euler_a"
    case _ where description.hasPrefix("flow DPM-Solver++(2M)"): name = "dpm++"
    case _ where description.hasPrefix("SCM"): name = "scm"
    default: throw VerificationError("this program does not know the sampler \"\(description)\"")
    }
    schedule =
      switch description {
      case _ where isFlow: NoiseSchedule(.straight(shift: manifest["shift"]?.number ?? 1, scale: 1000))
      case "SCM (TrigFlow)": NoiseSchedule(.circle)
      case _ where name == "scm": NoiseSchedule(.straight(shift: 1, scale: 1))
      default: try FewStepRun.schedule(manifest)
      }
    sampler = try SamplerRegistry.make(name, schedule: schedule, settings: settings)
  }

  private static func schedule(_ manifest: JSONValue) throws -> NoiseSchedule {
    let fields = manifest["schedule"]
    guard let kind = BetaSchedule(rawValue: fields?["beta_schedule"]?.string ?? ""),
      let start = fields?["beta_start"]?.number, let end = fields?["beta_end"]?.number
    else { throw VerificationError("the case has no schedule") }
    var schedule = try NoiseSchedule(kind, betaStart: start, betaEnd: end)
    schedule.prediction = PredictionKind(rawValue: manifest["prediction_type"]?.string ?? "epsilon") ?? .noise
    return schedule
  }

  /// What a flow model says, on the circle and in the data's σ.
  func circular(_ output: Tensor, _ latents: Tensor, at level: NoiseLevel) -> [Float] {
    let square = level.signal * level.signal + level.noise * level.noise
    return zip(output.array, latents.array).map { v, x in
      Float(sigma * ((level.signal - level.noise) * Double(x) + square * Double(v)) / square.squareRoot())
    }
  }

  /// What a state here is multiplied with to be one of the golden file: those of Euler are in σ space, those of SCM on the
  /// circle and in the data's σ.
  func unit(of level: NoiseLevel) -> Double {
    if sampler is SCM { return sigma / (level.signal * level.signal + level.noise * level.noise).squareRoot() }
    return !isFlow && (sampler is Euler || sampler is EulerAncestral) ? 1 / level.signal : 1
  }
}

/// Timestep lists, noise levels and boundary values.
private func verifyFewStepTables(_ test: inout VerificationCase) throws {
  let tables = try readConfiguration(JSONValue.self, at: test.url)
  func lists(_ name: String, _ make: (Int) throws -> [Double], element: (JSONValue) -> JSONValue? = { $0 }) {
    let entries = tables[name]?.object ?? [:]
    let wrong = entries.filter { steps, value in
      let found = Int(steps).flatMap { try? make($0) }
      if value["error"] != nil { return found != nil }
      guard let found, let expected = element(value)?.numbers else { return true }
      return !agree(found, expected)
    }
    test.exact("\(entries.count) \(name)", !entries.isEmpty && wrong.isEmpty, note: wrong.keys.sorted().joined(separator: " "))
  }
  func levels(_ sampler: String, _ steps: Int, _ change: (inout SamplerSettings) -> Void = { _ in }) throws -> [Double] {
    var settings = SamplerSettings(steps: steps)
    change(&settings)
    return try SamplerRegistry.make(sampler, settings: settings).plan.levels.map(\.timestep)
  }
  lists("lcm_timesteps", { try levels("lcm", $0) })
  lists("lcm_timesteps_original_repository", { try levels("lcm", $0) { $0.spacing = .lcmStride } })
  lists("lcm_timesteps_strength_0.5", { try levels("lcm", $0) { $0.strength = 0.5 } })
  lists("lcm_timesteps_original_100", { try levels("lcm", $0) { $0.originalSteps = 100 } })
  lists("trailing_timesteps", { try levels("ddpm", $0) { $0.spacing = .trailing } })
  lists("scm_angles", { SCM.angles($0) })

  for (name, sampler) in [("flow_euler_sigmas", "euler"), ("flow_dpm", "dpm++")] {
    for (shift, value) in tables[name]?.object ?? [:] {
      guard let shift = Double(shift) else { throw VerificationError("\(name): the shift \(shift) is no number") }
      let wrong = (value.object ?? [:]).filter { steps, value in
        guard let steps = Int(steps),
          let plan = try? SamplerRegistry.make(
            sampler, schedule: NoiseSchedule(.straight(shift: shift, scale: 1000)), settings: SamplerSettings(steps: steps)
          ).plan
        else { return true }
        let sigmas = (value["sigmas"] ?? value).numbers ?? []
        let timesteps = value["timesteps"]?.numbers ?? plan.levels.map(\.timestep)
        return !agree(plan.levels.map(\.noise) + [0], sigmas) || !agree(plan.levels.map(\.timestep), timesteps)
      }
      test.exact("\(name), shift \(shift)", wrong.isEmpty, note: wrong.keys.sorted().joined(separator: " "))
    }
  }
  let boundary = tables["boundary"]?.object ?? [:]
  let wrong = boundary.filter { timestep, value in
    guard let timestep = Double(timestep), let expected = value.numbers else { return true }
    let found = LCM.boundary(timestep)
    return !agree([found.skip, found.out], expected)
  }
  test.exact("\(boundary.count) boundary values", !boundary.isEmpty && wrong.isEmpty)
}

/// The embedding of a guidance scale: timestep features of 1000 · w under another order, sines first.
private func verifyGuidanceEmbedding(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let features = try timestepFeatures(file.tensor("input.w").array.map { 1000 * $0 }, divisor: 127)
  let half = features.shape[1] / 2
  let rows = features.array
  let swapped = (0..<features.shape[0]).flatMap { row in
    let first = row * 2 * half
    return rows[first + half..<first + 2 * half] + rows[first..<first + half]
  }
  try test.compare("embedding", in: file, actual: Tensor(swapped, features.shape))
}

/// Whole numbers exactly, others to 1e-6 of their size.
private func agree(_ actual: [Double], _ expected: [Double]) -> Bool {
  actual.count == expected.count && zip(actual, expected).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) }
}

private func scaled(_ tensor: Tensor, _ factor: Double) throws -> Tensor {
  guard factor != 1 else { return tensor }
  return try Tensor(tensor.array.map { Float(Double($0) * factor) }, tensor.shape)
}

extension JSONValue {
  /// Numbers, also those that are written as texts to keep all their digits.
  fileprivate var numbers: [Double]? { array?.compactMap { $0.number ?? $0.string.flatMap(Double.init) } }
}
