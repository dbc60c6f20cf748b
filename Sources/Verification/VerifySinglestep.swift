import DiTCheckpoints
import DiTDiffusion
import DiTTensors
import Foundation

/// Stable Diffusion's schedule, which U-ViT and UniDiffuser learned.
private func latentSchedule() throws -> NoiseSchedule {
  try NoiseSchedule(.scaledLinear, betaStart: 0.00085, betaEnd: 0.012)
}

/// Tables of the schedule; our timestep t is their n = t + 1.
@Sendable func verifyLatentSchedule(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let schedule = try latentSchedule()
  let levels = try file.doubles("t").map { schedule.level(betweenSignalsAt: $0 - 1) }
  let tables = [
    "betas": schedule.betas, "alphas_cumprod": schedule.alphasCumprod, "log_alpha": schedule.alphasCumprod.map { log($0) / 2 },
    "alpha_at_t": levels.map(\.signal), "sigma_at_t": levels.map(\.noise), "lambda_at_t": levels.map(\.lambda),
    "log_alpha_at_t": levels.map { log($0.signal) },
  ]
  let limit = test.manifest["tolerance"]?["max_abs_rel"]?.number ?? 0
  for (name, values) in tables.sorted(by: { $0.key < $1.key }) where file.contains(name) {
    let golden = try file.doubles(name)
    let worst = zip(golden, values).map { abs($0 - $1) / max(abs($0), 1e-300) }.max() ?? .infinity
    test.exact(name, golden.count == values.count && worst <= limit, note: "largest relative difference \(short(worst))")
  }
}

/// Orders of the blocks, and fractional timesteps.
@Sendable func verifySinglestepTimes(_ test: inout VerificationCase) throws {
  let golden = try readConfiguration(JSONValue.self, at: test.url).object ?? [:]
  let schedule = try latentSchedule()
  var wrong: [String] = []
  for (steps, one) in golden {
    let settings = SamplerSettings(steps: Int(steps) ?? 0)
    let plan = try SamplerRegistry.make("dpm++3s", schedule: schedule, settings: settings).plan
    let times = (plan.levels + [plan.end]).map { $0.timestep + 1 }
    let expected = one["times"]?.array?.compactMap(\.number) ?? []
    let isSame = times.count == expected.count && zip(times, expected).allSatisfy { abs($0 - $1) <= 1e-9 }
    if !isSame || DPMSolverSinglestep.orders(plan) != one["orders"]?.integers { wrong.append(steps) }
  }
  let note = wrong.sorted().prefix(4).joined(separator: ", ")
  test.exact("\(golden.count) lists of times", wrong.isEmpty && !golden.isEmpty, note: note)
}

/// A run in single steps: states after each block, and what the model was asked and said.
@Sendable func verifySinglestep(_ test: inout VerificationCase) throws {
  let settings = SamplerSettings(steps: test.manifest["steps"]?.integer ?? 0)
  let sampler = try SamplerRegistry.make("dpm++3s", schedule: latentSchedule(), settings: settings)
  let orders = test.manifest["orders"]?.integers ?? []
  let ends = Set(orders.indices.map { orders[...$0].reduce(0, +) })
  let run = try states(&test, sampler)
  test.exact("orders", orders == DPMSolverSinglestep.orders(sampler.plan))
  for (name, states) in [
    ("x", run.after.enumerated().filter { ends.contains($0.offset + 1) }.map(\.element)), ("model_input", run.asked),
    ("pred_x0", run.originals),
  ] { test.compare(name, expected: try test.data().tensor("expected." + name).array, actual: states.flatMap { $0 }) }
}

/// diffusers' multistep solver of third order on the same schedule.
@Sendable func verifyMultistep(_ test: inout VerificationCase) throws {
  var settings = SamplerSettings(steps: test.manifest["steps"]?.integer ?? 0)
  settings.order = 3
  let sampler = try SamplerRegistry.make("dpm++", schedule: latentSchedule(), settings: settings)
  test.exact("timesteps", sampler.timesteps == test.manifest["timesteps"]?.integers?.map(Float.init))
  let run = try states(&test, sampler)
  test.compare("x", expected: try test.data().tensor("expected.x").array, actual: run.after.flatMap { $0 })
}

/// What a sampler does with the case's formula: its states, what it asked about, and the pictures it foresaw.
private func states(
  _ test: inout VerificationCase, _ sampler: any Sampler
) throws -> (after: [[Float]], asked: [[Float]], originals: [[Float]]) {
  guard let model = try test.manifest["model_parameters"]?.decoded(as: AnalyticDenoiser.self) else {
    throw VerificationError("the manifest has no model_parameters")
  }
  var sampler = sampler
  let (levels, start) = (sampler.evaluationLevels, try test.data().tensor("input.x_T"))
  var (after, asked, originals): ([[Float]], [[Float]], [[Float]]) = ([], [], [])
  _ = try sampler.run(
    from: start,
    predict: { x, evaluation in
      asked.append(x.array)
      return try model(x, at: levels[evaluation])
    }, noise: { try Tensor(start.shape) },
    observe: { _, step in
      after.append(step.latents.array)
      originals.append(step.predictedOriginal.array)
    })
  return (after, asked, originals)
}
