import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// Whole trajectories against the reference implementations.
@Suite struct GoldenRunTests {
  @Test func casesAreThere() { #expect(SamplerCase.runs.count >= 15) }

  @Test(arguments: SamplerCase.runs)
  func trajectory(_ golden: SamplerCase) throws {
    let file = try openCheckpoint(at: golden.url)
    let model = try #require(golden.modelParameters)
    let start = try file.tensor("input.x_T")
    let noise = try file.optionalTensor("input.noise")
    var sampler = try golden.makeSampler()
    #expect(sampler.timesteps == golden.timesteps)

    var draws = 0
    var states: [Float] = []
    var originals: [Float] = []
    let evaluations = sampler.evaluations
    _ = try sampler.run(
      from: start,
      predict: { latents, index in try model(latents, timestep: evaluations[index]) },
      noise: {
        draws += 1
        return try #require(noise).slice(draws - 1, count: 1).reshaped(start.shape)
      },
      observe: { _, step in
        states += step.latents.array
        originals += step.predictedOriginal.array
      })

    try expect(states, file.tensor("expected.x"), golden, "x")
    if let expected = try file.optionalTensor("expected.pred_x0") { expect(originals, expected, golden, "pred_x0") }
    let stochastic = sampler is DDPM || (golden.eta ?? 0) > 0
    #expect(draws == (stochastic ? sampler.plan.count : 0))
  }

  private func expect(_ actual: [Float], _ expected: Tensor, _ golden: SamplerCase, _ what: String) {
    let comparison = Comparison(expected: expected.array, actual: actual)
    #expect(comparison.nmse < golden.tolerance.nmse, "\(what)")
    #expect(comparison.maxRelative < golden.tolerance.maxAbsRel, "\(what)")
    if ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil {
      print("  \(golden.file) \(what): NMSE \(comparison.nmse), max \(comparison.maxRelative)")
    }
  }

  @Test func forwardNoising() throws {
    let golden = try #require(SamplerCase.all.first { $0.file.hasPrefix("q_sample") })
    let file = try openCheckpoint(at: golden.url)
    let original = try file.tensor("input.x0")
    let noise = try file.tensor("input.noise")
    var count = 0
    for record in file.records where record.name.string.hasPrefix("expected.t") {
      let name = record.name.string
      let timestep = try #require(Double(name.dropFirst("expected.t".count)))
      let noised = try NoiseSchedule.noised(original, with: noise, at: NoiseSchedule.dit.level(timestep: timestep))
      expect(noised.array, try file.tensor(name), golden, name)
      count += 1
    }
    #expect(count >= 4)
  }
}
