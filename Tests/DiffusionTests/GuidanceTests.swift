import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

@Suite struct GuidanceTests {
  private func prediction(_ seed: UInt64, channels: Int) throws -> Prediction {
    var random = TorchRandom(seed: seed)
    let shape = [2, channels, 3, 5]
    return try Prediction(noise: random.randn(shape), varianceLogits: random.randn(shape))
  }

  @Test(arguments: [2, 3, 4, 8], Guidance.Channels.allCases)
  func combines(_ channels: Int, _ which: Guidance.Channels) throws {
    let conditional = try prediction(1, channels: channels)
    let unconditional = try prediction(2, channels: channels)
    let guided = try Guidance(scale: 3.5, channels: which).combine(conditional: conditional, unconditional: unconditional)
    let c = conditional.output.array
    let u = unconditional.output.array
    let g = guided.output.array
    for index in g.indices {
      let channel = index / 15 % channels
      let expected = which == .all || channel < 3 ? u[index] + 3.5 * (c[index] - u[index]) : c[index]
      #expect(abs(g[index] - expected) < 1e-5)
    }
    #expect(guided.varianceLogits?.array == conditional.varianceLogits?.array)
  }

  /// Of what guidance adds, the part along the foreseen picture is scaled, the rest stays; for each picture by itself.
  @Test(arguments: [Float(0), 0.25, 1], Guidance.Channels.allCases)
  func projects(_ parallel: Float, _ which: Guidance.Channels) throws {
    let (conditional, unconditional) = try (prediction(1, channels: 4), prediction(2, channels: 4))
    var random = TorchRandom(seed: 3)
    let latents = try random.randn([2, 4, 3, 5])
    let level = NoiseSchedule.dit.level(timestep: 400)
    let guidance = Guidance(scale: 5, channels: which, parallel: parallel)
    let plain = try guidance.combine(conditional: conditional, unconditional: unconditional)
    let projected = try guidance.projected(plain, conditional: conditional, latents: latents, at: level)
    #expect(projected.varianceLogits?.array == conditional.varianceLogits?.array)
    let (c, x) = (conditional.output.array.map(Double.init), latents.array.map(Double.init))
    let (before, after) = (plain.output.array.map(Double.init), projected.output.array.map(Double.init))
    for picture in 0..<2 {
      let guided = (picture * 60)..<(picture * 60 + (which == .all ? 60 : 45))
      let foreseen = guided.map { (x[$0] - level.noise * c[$0]) / level.signal }
      func along(_ noise: [Double]) -> Double { zip(guided, foreseen).map { (noise[$0] - c[$0]) * $1 }.reduce(0, +) }
      #expect(abs(along(after) - Double(parallel) * along(before)) < 1e-4 * abs(along(before)))
      let square = foreseen.map { $0 * $0 }.reduce(0, +)
      let share = Double(1 - parallel) * along(before) / square
      for (index, value) in zip(guided, foreseen) { #expect(abs(after[index] - (before[index] - share * value)) < 1e-5) }
      for index in guided.upperBound..<(picture * 60 + 60) { #expect(after[index] == c[index]) }
    }
    if parallel == 1 { #expect(before == after) }
  }

  @Test func isIdleAtScaleOneAndOutsideItsInterval() {
    #expect(!Guidance(scale: 1).isActive(at: 500))
    #expect(Guidance(scale: 0).isActive(at: 500))
    let limited = Guidance(scale: 4, interval: 200...800)
    #expect(limited.isActive(at: 200) && limited.isActive(at: 800))
    #expect(!limited.isActive(at: 199.5) && !limited.isActive(at: 999))
  }

  @Test func outputSplitsIntoNoiseAndVariance() throws {
    let values = (0..<2 * 6 * 2 * 2).map(Float.init)
    let both = try Prediction(output: try Tensor(values, [2, 6, 2, 2]), latentChannels: 3)
    #expect(both.output.shape == [2, 3, 2, 2])
    #expect(both.output.array == Array(values[0..<12] + values[24..<36]))
    #expect(both.varianceLogits?.array == Array(values[12..<24] + values[36..<48]))
    let noise = try Prediction(output: try Tensor(values, [2, 6, 2, 2]), latentChannels: 6)
    #expect(noise.varianceLogits == nil && noise.output.array == values)
  }
}
