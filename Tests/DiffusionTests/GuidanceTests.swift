import Checkpoints
import Diffusion
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct GuidanceTests {
  private func prediction(_ seed: UInt64, channels: Int) -> Prediction {
    var random = TorchRandom(seed: seed)
    let shape = [2, channels, 3, 5]
    return Prediction(noise: random.randn(shape), varianceLogits: random.randn(shape))
  }

  @Test(arguments: [2, 3, 4, 8], Guidance.Channels.allCases)
  func combines(_ channels: Int, _ which: Guidance.Channels) {
    let conditional = prediction(1, channels: channels)
    let unconditional = prediction(2, channels: channels)
    let guided = Guidance(scale: 3.5, channels: which).combine(conditional: conditional, unconditional: unconditional)
    let c = conditional.noise.array
    let u = unconditional.noise.array
    let g = guided.noise.array
    for index in g.indices {
      let channel = index / 15 % channels
      let expected = which == .all || channel < 3 ? u[index] + 3.5 * (c[index] - u[index]) : c[index]
      #expect(abs(g[index] - expected) < 1e-5)
    }
    #expect(guided.varianceLogits?.array == conditional.varianceLogits?.array)
  }

  @Test func isIdleAtScaleOneAndOutsideItsInterval() {
    #expect(!Guidance(scale: 1).isActive(at: 500))
    #expect(Guidance(scale: 0).isActive(at: 500))
    let limited = Guidance(scale: 4, interval: 200...800)
    #expect(limited.isActive(at: 200) && limited.isActive(at: 800))
    #expect(!limited.isActive(at: 199.5) && !limited.isActive(at: 999))
  }

  @Test func outputSplitsIntoNoiseAndVariance() {
    let values = (0..<2 * 6 * 2 * 2).map(Float.init)
    let both = Prediction(output: Tensor(values, [2, 6, 2, 2]), latentChannels: 3)
    #expect(both.noise.shape == [2, 3, 2, 2])
    #expect(both.noise.array == Array(values[0..<12] + values[24..<36]))
    #expect(both.varianceLogits?.array == Array(values[12..<24] + values[36..<48]))
    let noise = Prediction(output: Tensor(values, [2, 6, 2, 2]), latentChannels: 6)
    #expect(noise.varianceLogits == nil && noise.noise.array == values)
  }
}
