import DiTDiffusion
import DiTTensors
import DiTVerification
import Foundation
import Testing

/// All deterministic samplers solve one differential equation; how fast the error falls shows their order.
@Suite struct ConvergenceTests {
  static let model = AnalyticDenoiser(p: 0.9, q: 0.5)

  /// The state at the last level before the clean one, from the same noise in σ space.
  private func solve(_ name: String, steps: Int, spacing: Spacing = .karras) throws -> [Float] {
    var sampler = try SamplerRegistry.make(name, settings: SamplerSettings(steps: steps, spacing: spacing))
    var random = TorchRandom(seed: 5)
    let evaluations = sampler.evaluations
    var latents = try random.randn([1, 2, 3, 4])
    for index in 0..<steps - 1 {
      latents = try sampler.step(
        index, latents, predict: { try Self.model($0, timestep: evaluations[$1]) },
        noise: {
          Issue.record("\(name) draws noise")
          return latents
        }
      ).latents
    }
    return latents.array
  }

  private func error(_ actual: [Float], _ expected: [Float]) -> Double {
    Comparison(expected: expected, actual: actual).nmse.squareRoot()
  }

  @Test(arguments: [("euler", 1.0), ("ddim", 1), ("heun", 2), ("dpm++", 2), ("unipc", 2), ("dpm++3s", 2)])
  func order(_ name: String, _ order: Double) throws {
    let exact = try solve("heun", steps: 1000)
    let coarse = error(try solve(name, steps: 41), exact)
    let middle = error(try solve(name, steps: 81), exact)
    let fine = error(try solve(name, steps: 161), exact)
    let measured = log2(coarse / fine) / 2
    if ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil {
      print("  \(name): \(coarse) \(middle) \(fine), order \(measured)")
    }
    #expect(coarse > middle && middle > fine)
    #expect(measured > order - 0.25)
    #expect(measured < order + 1.5, "the test measures rounding, not the order")
  }

  /// From start to end, with everyone's own steps: one picture.
  @Test(arguments: ["euler", "ddim", "heun", "dpm++", "unipc"], [Spacing.inclusive, .karras])
  func samplersAgree(_ name: String, _ spacing: Spacing) throws {
    let exact = try solve("heun", steps: 1000)
    let found = error(try solve(name, steps: 1000, spacing: spacing), exact)
    // Even timesteps are coarse in σ at the clean end.
    let allowed = (name == "euler" || name == "ddim" ? 2e-2 : 1e-3) * (spacing == .karras ? 1 : 3)
    #expect(found < allowed)
    if ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil { print("  \(name) \(spacing): \(found)") }
  }

  /// The same levels: DDIM without noise is Euler's method.
  @Test func eulerIsDeterministicDDIM() throws {
    let comparison = Comparison(
      expected: try solve("ddim", steps: 12), actual: try solve("euler", steps: 12))
    #expect(comparison.maxRelative < 1e-5)
  }
}
