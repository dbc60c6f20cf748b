import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// Whole trajectories against the reference implementations, of those runs that the manifest lacks: the verifier's tests
/// hold the others.
@Suite struct GoldenRunTests {
  @Test func casesAreThere() { #expect(SamplerCase.all.count >= 15) }

  @Test(arguments: SamplerCase.all)
  func trajectory(_ golden: SamplerCase) throws {
    let file = try openCheckpoint(at: golden.url)
    let model = golden.modelParameters
    let start = try file.tensor("input.x_T")
    var sampler = try golden.makeSampler()
    #expect(sampler.timesteps == golden.timesteps)

    var states: [Float] = []
    var originals: [Float] = []
    let evaluations = sampler.evaluations
    _ = try sampler.run(
      from: start,
      predict: { latents, index in try model(latents, timestep: evaluations[index]) },
      noise: {
        Issue.record("\(golden.file) draws noise")
        return try Tensor(start.shape)
      },
      observe: { _, step in
        states += step.latents.array
        originals += step.predictedOriginal.array
      })

    try expect(states, file.tensor("expected.x"), golden, "x")
    if let expected = try file.optionalTensor("expected.pred_x0") { expect(originals, expected, golden, "pred_x0") }
  }

  private func expect(_ actual: [Float], _ expected: Tensor, _ golden: SamplerCase, _ what: String) {
    let comparison = Comparison(expected: expected.array, actual: actual)
    #expect(comparison.nmse < golden.tolerance.nmse, "\(what)")
    #expect(comparison.maxRelative < golden.tolerance.maxAbsRel, "\(what)")
    if ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil {
      print("  \(golden.file) \(what): NMSE \(comparison.nmse), max \(comparison.maxRelative)")
    }
  }
}
