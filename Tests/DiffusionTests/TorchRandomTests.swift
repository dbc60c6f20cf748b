import DiTCheckpoints
import DiTDiffusion
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// The random numbers of torch on the CPU: to the last bit on x86.
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
    let sequenceSizes: [Int]
    let cases: [Case]
  }

  private func golden() throws -> (json: Golden, tensors: Checkpoint) {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return (
      try decoder.decode(Golden.self, from: Data(contentsOf: Fixtures.url("rng/randn.json"))),
      try openCheckpoint(at: Fixtures.url("rng/randn.safetensors"))
    )
  }

  @Test func everyTensorOfTheFile() throws {
    let (json, file) = try golden()
    var kinds: Set<String> = []
    var equal = 0
    var total = 0
    var worst = 0.0
    for record in file.records {
      let name = record.name.string
      let parts = name.split(separator: ".")
      let seed = try #require(UInt64(parts[0].dropFirst("seed".count)))
      var random = TorchRandom(seed: seed)
      let actual: [Float]
      switch String(parts[1]) {
      case "mt19937_first8":
        var engine = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
        #expect(try file.integers(name) == (0..<record.shape[0]).map { _ in Int(engine.word()) }, "\(name)")
        kinds.insert("words")
        continue
      case "uniform":
        #expect(try file.tensor(name).array == (0..<record.shape[0]).map { _ in random.uniform() }, "\(name)")
        kinds.insert("uniform")
        continue
      case "sequence":
        actual = try json.sequenceSizes.flatMap { try random.randn([$0]).array }
        kinds.insert("sequence")
      case let text where text.hasPrefix("batch"):
        actual = try random.randn(record.shape).array
        kinds.insert("batch")
      case let text:
        let count = try #require(Int(text.dropFirst()), "\(name)")
        actual = try Array(random.randn([count]).array.suffix(record.shape[0]))
        kinds.insert("n")
      }
      let expected = try file.tensor(name).array
      let comparison = Comparison(expected: expected, actual: actual)
      #expect(comparison.maxAbsolute < 3e-6, "\(name)")
      worst = max(worst, comparison.maxAbsolute)
      equal += zip(expected, actual).count { $0 == $1 }
      total += expected.count
    }
    #expect(kinds == ["words", "uniform", "sequence", "batch", "n"])
    if ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil {
      print("  randn: \(equal) of \(total) equal to the last bit, worst difference \(worst)")
    }
  }

  @Test func sumsAndEnds() throws {
    for golden in try golden().json.cases {
      var random = TorchRandom(seed: golden.seed)
      let values = try random.randn([golden.n]).array
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

  @Test func onlyTheLowBitsOfTheSeedCount() throws {
    var one = TorchRandom(seed: 7)
    var other = TorchRandom(seed: 7 + 1 << 32)
    #expect(try one.randn([20]).array == other.randn([20]).array)
  }

  @Test func emptyShapesDrawNothing() throws {
    var random = TorchRandom(seed: 1)
    var fresh = TorchRandom(seed: 1)
    #expect(try random.randn([0, 4]).count == 0)
    #expect(try random.randn([17]).array == fresh.randn([17]).array)
  }

  @Test func picturesOfABatchAreIndependent() throws {
    let together = BatchNoise(seeds: [3, 9])
    let alone = BatchNoise(seeds: [9])
    for shape in [[4, 3, 5], [1, 2, 2], [4, 3, 5]] {
      let both = try together.randn(shape)
      #expect(both.shape == [2] + shape)
      #expect(try both.slice(1, count: 1).array == alone.randn(shape).array)
    }
  }
}
