import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTestSupport
import Testing

@Suite struct ScheduleTests {
  private struct Timesteps: Decodable {
    struct Respacing: Decodable {
      let timesteps: [Double]?
      let error: Bool?
    }
    let respacing: [String: Respacing]
    let ddimLeadingDiffusers: [String: [Double]]
    let dpmsolverLinspaceDiffusers: [String: [Double]]
  }

  private struct Values: Decodable {
    let values: [String: [String: String]]
    let sigmaMax: String
  }

  private func decode<Value: Decodable>(_: Value.Type, _ path: String) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Value.self, from: Data(contentsOf: Fixtures.url(path)))
  }

  @Test func timestepListsAreExact() throws {
    let golden = try decode(Timesteps.self, "samplers/timesteps.json")
    #expect(golden.respacing.count >= 20)
    for (text, expected) in golden.respacing {
      if let timesteps = expected.timesteps {
        #expect(expected.error != true)
        let plan = try StepPlan(respacing: text, schedule: .dit)
        #expect(plan.levels.reversed().map(\.timestep) == timesteps, "respacing \(text)")
      } else {
        #expect(throws: DiffusionError.self, "respacing \(text)") {
          try StepPlan(respacing: text, schedule: .dit)
        }
      }
    }
    for (spacing, lists) in [
      (Spacing.leading, golden.ddimLeadingDiffusers), (.linear, golden.dpmsolverLinspaceDiffusers),
    ] {
      #expect(lists.count >= 10)
      for (steps, timesteps) in lists {
        let plan = try StepPlan(spacing, steps: try #require(Int(steps)), schedule: .dit)
        #expect(plan.levels.map(\.timestep) == timesteps, "\(spacing) \(steps)")
      }
    }
  }

  @Test(arguments: [
    "", "0", "-4", "ddim", "ddim0", "ddim-2", "ddim1", "10,", ",10", "10, 5", "x", "1e2", "999999999999999999999",
  ])
  func badRespacingIsRefusedInOneLine(_ text: String) {
    let error = #expect(throws: DiffusionError.self) { try StepPlan(respacing: text, schedule: .dit) }
    #expect(error?.description.contains("'\(text)'") == true)
    #expect(error?.description.contains("\n") == false)
  }

  /// Every F64 table of the file: T1000 is the respacing of all steps, as in the reference.
  @Test func tablesMatch() throws {
    let file = try openCheckpoint(at: Fixtures.url("samplers/tables.safetensors"))
    #expect(file.records.count >= 20)
    var worst = 0.0
    for record in file.records {
      let name = record.name.string
      let parts = name.dropFirst().split(separator: ".")
      let table = RespacedSchedule(try StepPlan(respacing: String(parts[0]), schedule: .dit))
      let actual = try #require(column(table, String(parts[1])), "\(name)")
      let expected = try file.doubles(name)
      #expect(actual.count == expected.count)
      for (index, (a, b)) in zip(actual, expected).enumerated() {
        let deviation = abs(a - b) / max(abs(b), 1e-300)
        worst = max(worst, b == 0 ? abs(a) : deviation)
        #expect(b == 0 ? a == 0 : deviation < 1e-12, "\(name)[\(index)]: \(a), expected \(b)")
      }
    }
    if ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil { print("  tables: worst relative \(worst)") }
  }

  private func column(_ table: RespacedSchedule, _ name: String) -> [Double]? {
    switch name {
    case "betas": table.betas
    case "log_betas": table.logBetas
    case "alphas_cumprod": table.alphasCumprod
    case "alphas_cumprod_prev": table.alphasCumprodPrevious
    case "sqrt_recip_alphas_cumprod": table.sqrtReciprocalAlphasCumprod
    case "sqrt_recipm1_alphas_cumprod": table.sqrtReciprocalMinusOneAlphasCumprod
    case "posterior_variance": table.posteriorVariance
    case "posterior_log_variance_clipped": table.posteriorLogVarianceClipped
    case "posterior_mean_coef1": table.posteriorMeanOriginal
    case "posterior_mean_coef2": table.posteriorMeanLatents
    default: nil
    }
  }

  @Test func selectedValuesMatch() throws {
    let golden = try decode(Values.self, "samplers/tables.json")
    let table = RespacedSchedule(try StepPlan(respacing: "1000", schedule: .dit))
    for (name, values) in golden.values {
      let actual = try #require(column(table, name), "\(name)")
      for (index, text) in values {
        let expected = try #require(Double(text))
        let value = actual[try #require(Int(index))]
        #expect(abs(value - expected) <= 1e-12 * abs(expected), "\(name)[\(index)]")
      }
    }
    let sigma = NoiseSchedule.dit.level(timestep: 999).sigma
    #expect(abs(sigma - (try #require(Double(golden.sigmaMax)))) < 1e-10)
  }

  @Test func fractionalLevelsAreTheirOwnInverse() throws {
    let schedule = NoiseSchedule.dit
    for timestep in [0, 0.25, 1, 17.5, 500.0625, 998.75, 999] {
      let level = schedule.level(timestep: timestep)
      let back = schedule.level(sigma: level.sigma)
      #expect(abs(back.timestep - timestep) < 1e-8)
      #expect(abs(back.alphaCumprod - level.alphaCumprod) < 1e-13)
      #expect(abs(level.signal * level.signal + level.noise * level.noise - 1) < 1e-15)
    }
    #expect(schedule.level(timestep: 7).alphaCumprod == schedule.alphasCumprod[7])
    #expect(schedule.level(timestep: -3).timestep == 0)
    #expect(schedule.level(timestep: 2000).timestep == 999)
    #expect(schedule.level(sigma: 1e6).timestep == 999)
    #expect(schedule.level(sigma: 1e-6).timestep == 0)
    #expect(NoiseLevel.clean.lambda == .infinity)
  }

  @Test func otherSchedules() throws {
    let stable = try NoiseSchedule(.scaledLinear, betaStart: 0.00085, betaEnd: 0.012)
    #expect(abs(stable.level(timestep: 999).sigma - 14.6146) < 1e-3)  // Stable Diffusion's well-known largest sigma
    #expect(abs(stable.level(timestep: 0).sigma - 0.0292) < 1e-4)
    let cosine = try NoiseSchedule(.cosine)
    #expect(cosine.betas[999] == 0.999)
    #expect(abs(cosine.alphasCumprod[0] - 0.99995871) < 1e-7)
    #expect(BetaSchedule(rawValue: "squaredcos_cap_v2") == .cosine)
    #expect(try NoiseSchedule(trainTimesteps: 1).level(timestep: 0).alphaCumprod == 0.9999)
  }

  @Test func badSchedulesAreRefused() {
    #expect(throws: DiffusionError.self) { try NoiseSchedule(trainTimesteps: 0) }
    #expect(throws: DiffusionError.self) { try NoiseSchedule(betaStart: 0.02, betaEnd: 1e-4) }
    #expect(throws: DiffusionError.self) { try NoiseSchedule(betaStart: .nan) }
    #expect(throws: DiffusionError.self) { try NoiseSchedule(betaEnd: 1) }
    #expect(throws: DiffusionError.self) { try NoiseSchedule(betas: []) }
    #expect(throws: DiffusionError.self) { try NoiseSchedule(betas: [0.1, .nan]) }
    #expect(throws: DiffusionError.self) { try NoiseSchedule(betas: [Double](repeating: 0.9, count: 1000)) }
  }

  @Test(arguments: Spacing.allCases.filter { $0 != .lcm && $0 != .lcmStride })
  func everySpacingDescends(_ spacing: Spacing) throws {
    for steps in [1, 2, 3, 7, 20, 50, 250, 999, 1000] {
      let levels = try StepPlan(spacing, steps: steps, schedule: .dit).levels
      #expect(levels.count == steps)
      #expect(zip(levels, levels.dropFirst()).allSatisfy { $0.timestep >= $1.timestep }, "\(steps)")
      #expect(levels.allSatisfy { (0...999).contains($0.timestep) })
      if spacing != .leading { #expect(levels[0].timestep == 999) }
    }
    for steps in [0, -1, 1001] {
      #expect(throws: DiffusionError.steps(steps, limit: 1000)) { try StepPlan(spacing, steps: steps, schedule: .dit) }
    }
  }

  @Test func trailingAndKarrasAreThePapers() throws {
    let trailing = try StepPlan(.trailing, steps: 5, schedule: .dit).levels.map(\.timestep)
    #expect(trailing == [999, 799, 599, 399, 199])  // 2305.08891, table 2, counted from 0
    let karras = try StepPlan(.karras, steps: 10, schedule: .dit).levels
    let roots = karras.map { pow($0.sigma, 1 / 7) }
    for index in 1..<9 { #expect(abs(roots[index - 1] + roots[index + 1] - 2 * roots[index]) < 1e-9) }
    #expect(karras[9].timestep == 0)
    #expect(karras[5].timestep != karras[5].timestep.rounded())
  }

  @Test func strengthKeepsTheEnd() throws {
    let plan = try StepPlan(.linear, steps: 100, schedule: .dit)
    #expect(try plan.truncated(strength: 0.29).levels == Array(plan.levels.suffix(29)))
    #expect(try plan.truncated(strength: 1).levels == plan.levels)
    #expect(try plan.truncated(strength: 0.001).count == 1)
    for strength in [0, -0.5, 1.1, .nan, .infinity] {
      #expect(throws: DiffusionError.self) { try plan.truncated(strength: strength) }
    }
  }
}
