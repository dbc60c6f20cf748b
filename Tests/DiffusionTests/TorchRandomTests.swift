import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// The random numbers of torch on the CPU: to the last bit on x86. The verifier's tests hold the tensors of the fixtures.
@Suite struct TorchRandomTests {
  private struct Golden: Decodable {
    struct Case: Decodable {
      let seed: UInt64
      let n: Int
      let first: [Float]
      let last: [Float]
      let sumFloat64: Double
      let sumSquaresFloat64: Double
      let sha256Float32Le: String
    }
    let cases: [Case]
  }

  private func golden() throws -> Golden {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Golden.self, from: Data(contentsOf: Fixtures.url("rng/randn.json")))
  }

  @Test func sumsAndEnds() throws {
    for golden in try golden().cases {
      var random = TorchRandom(seed: golden.seed)
      let values = random.randn([golden.n]).array
      let ends = golden.first + golden.last
      let mine = Array(values.prefix(golden.first.count)) + values.suffix(golden.last.count)
      #expect(Comparison(expected: ends, actual: mine).maxAbsolute < 3e-6, "seed \(golden.seed), n \(golden.n)")
      let sum = values.reduce(0) { $0 + Double($1) }
      let squares = values.reduce(0) { $0 + Double($1) * Double($1) }
      #expect(abs(sum - golden.sumFloat64) < 1e-3)
      #expect(abs(squares - golden.sumSquaresFloat64) < 1e-3)

      let hash = sha256(values.withUnsafeBytes(Array.init))
      // Another set of fixtures may come from a PyTorch for another processor, which differs in the last bits.
      if ProcessInfo.processInfo.environment["DIT_T2I_FIXTURES"] == nil {
        #expect(hash == golden.sha256Float32Le, "seed \(golden.seed), n \(golden.n)")
      }
    }
  }

  @Test func onlyTheLowBitsOfTheSeedCount() {
    var one = TorchRandom(seed: 7)
    var other = TorchRandom(seed: 7 + 1 << 32)
    #expect(one.randn([20]).array == other.randn([20]).array)
  }

  @Test func shapesAreFilledInOrder() {
    var one = TorchRandom(seed: 0)
    var other = TorchRandom(seed: 0)
    #expect(one.randn([2, 3, 4, 5]).array == other.randn([120]).array)
  }

  @Test func emptyShapesDrawNothing() {
    var random = TorchRandom(seed: 1)
    var fresh = TorchRandom(seed: 1)
    #expect(random.randn([0, 4]).count == 0)
    #expect(random.randn([17]).array == fresh.randn([17]).array)
  }

  @Test func picturesOfABatchAreIndependent() {
    var together = BatchNoise(seeds: [3, 9])
    var alone = BatchNoise(seeds: [9])
    for shape in [[4, 3, 5], [1, 2, 2], [4, 3, 5]] {
      let both = together.randn(shape)
      #expect(both.shape == [2] + shape)
      #expect(both.slice(1, count: 1).array == alone.randn(shape).array)
    }
  }
}
