import DiTCKernels
import Foundation
import DiTTensors
import Testing

@Suite struct AttentionTests {
  /// Inputs of one attention, in rows wider than the heads need.
  final class Problem {
    let batch, heads, headDim, queries, keys, items: Int
    let type: dk_type
    let q, k, v, bias: Rows
    var keyItem: [Int32]?
    var keyCount: [Int32]?
    var keyMask: [UInt8]?
    var usesBias = false, wantsProbabilities = false
    let levels: Bool
    var scale: Float, cap: Float = 0

    init(
      _ arithmetic: Arithmetic, batch: Int, heads: Int, headDim: Int, queries: Int, keys: Int, items: Int? = nil,
      seed: UInt64 = 8
    ) {
      (type, levels) = (arithmetic.type, arithmetic == .levels)
      (self.batch, self.heads, self.headDim) = (batch, heads, headDim)
      (self.queries, self.keys, self.items) = (queries, keys, items ?? batch)
      let width = heads * headDim
      var numbers = Numbers(seed: seed)
      q = Rows(type, batch * queries, width, gap: 5, values: numbers.array(batch * queries * width, scale: 2))
      k = Rows(type, self.items * keys, width, gap: 2 * width, values: numbers.array(self.items * keys * width))
      v = Rows(type, self.items * keys, width, gap: 1, values: numbers.array(self.items * keys * width))
      bias = Rows(DK_F32, heads * queries, keys, values: numbers.array(heads * queries * keys))
      scale = 1 / Float(headDim).squareRoot()
      if let items { keyItem = (0..<batch).map { Int32(($0 * 2 + 1) % items) } }
    }

    /// out, and the map of probabilities behind it. One picture of the batch, or all.
    func run(_ engine: OpaquePointer, picture: Int? = nil) throws -> [Float] {
      let count = picture == nil ? batch : 1, first = (picture ?? 0) * queries
      let out = Rows(type, count * queries, heads * headDim, gap: 4)
      let map = Rows(DK_F32, count * queries, keys, values: Array(repeating: 0.25, count: count * queries * keys))
      var item = keyItem.map { all in picture.map { [all[$0]] } ?? all }
      if let picture, item == nil { item = [Int32(picture)] }
      var arguments = dk_attention_arguments()
      (arguments.batch, arguments.heads, arguments.head_dim) = (count, heads, headDim)
      (arguments.queries, arguments.keys) = (queries, keys)
      (arguments.scale, arguments.cap) = (scale, cap)
      (arguments.q, arguments.k, arguments.v, arguments.out) = (q.view(row: first), k.view, v.view, out.view)
      arguments.levels = levels ? 1 : 0
      if usesBias { arguments.bias = UnsafePointer(bias.floats) }
      if wantsProbabilities { arguments.probabilities = map.floats }
      try (item ?? []).withUnsafeBufferPointer { items in
        try (keyCount ?? []).withUnsafeBufferPointer { counts in
          try (keyMask ?? []).withUnsafeBufferPointer { masks in
            if item != nil { arguments.key_item = items.baseAddress }
            if keyCount != nil { arguments.key_count = counts.baseAddress }
            if keyMask != nil { arguments.key_mask = masks.baseAddress }
            try checked(dk_attention(engine, &arguments))
          }
        }
      }
      #expect(out.gapsAreIntact)
      return out.array + (wantsProbabilities ? map.array : [])
    }

    func attends(_ item: Int, _ key: Int) -> Bool {
      (keyCount.map { key < Int($0[item]) } ?? true) && (keyMask.map { $0[item * keys + key] != 0 } ?? true)
    }
    func everyOption() {
      keyCount = (0..<items).map { Int32(max(1, keys - $0 * 2)) }
      keyMask = (0..<items * keys).map { $0 % keys == 0 || $0 % 3 != 1 ? 1 : 0 }
      (usesBias, wantsProbabilities) = (true, true)
    }
  }

  static let shapes = [
    (2, 3, 64, 70, 70), (1, 2, 10, 5, 1), (2, 2, 12, 33, 7), (1, 1, 512, 65, 40), (2, 2, 72, 100, 600), (1, 2, 16, 130, 31),
    (2, 1, 7, 3, 257), (1, 4, 64, 1, 300),
  ]

  @Test(arguments: Arithmetic.allCases)
  func matchesTheReference(arithmetic: Arithmetic) throws {
    for (batch, heads, headDim, queries, keys) in Self.shapes {
      let limit = arithmetic.limit
      let problem = Problem(arithmetic, batch: batch, heads: heads, headDim: headDim, queries: queries, keys: keys)
      try holdAgainstReference(
        "attention \(headDim) \(queries)x\(keys)", limit: limit, openBLAS: arithmetic == .f32, tiles: arithmetic == .bf16
      ) { try problem.run($0) }
      problem.cap = 0.7
      try holdAgainstReference(
        "capped \(headDim) \(queries)x\(keys)", limit: limit, openBLAS: arithmetic == .f32, tiles: arithmetic == .bf16
      ) { try problem.run($0) }
      problem.everyOption()
      try holdAgainstReference(
        "all options \(headDim) \(queries)x\(keys)", limit: limit, openBLAS: arithmetic == .f32, tiles: arithmetic == .bf16
      ) { try problem.run($0) }
      let shared = Problem(arithmetic, batch: 3, heads: heads, headDim: headDim, queries: queries, keys: keys, items: 2)
      try holdAgainstReference(
        "shared keys \(headDim) \(queries)x\(keys)", limit: limit, openBLAS: arithmetic == .f32, tiles: arithmetic == .bf16
      ) { try shared.run($0) }
    }
  }

  @Test func referenceComputesTheFormula() throws {
    let p = Problem(.f32, batch: 3, heads: 2, headDim: 3, queries: 4, keys: 5, items: 2)
    p.everyOption()
    p.scale = 0.7
    let result = try p.run(Engines.get(DK_BACKEND_REFERENCE))
    var expected = [Double](repeating: 0, count: 3 * 4 * 6), map = [Double](repeating: 0.25, count: 3 * 4 * 5)
    for b in 0..<3 {
      let item = Int(p.keyItem![b])
      for h in 0..<2 {
        for i in 0..<4 {
          let weights = (0..<5).map { j -> Double in
            guard p.attends(item, j) else { return 0 }
            let dot = (0..<3).map { Double(p.q[b * 4 + i, h * 3 + $0]) * Double(p.k[item * 5 + j, h * 3 + $0]) }.reduce(0, +)
            return exp(dot * Double(p.scale) + Double(p.bias[h * 4 + i, j]))
          }
          let sum = weights.reduce(0, +)
          for j in 0..<5 {
            map[(b * 4 + i) * 5 + j] += weights[j] / sum / 2
            for d in 0..<3 { expected[(b * 4 + i) * 6 + h * 3 + d] += weights[j] / sum * Double(p.v[item * 5 + j, h * 3 + d]) }
          }
        }
      }
    }
    #expect(Comparison(expected: (expected + map).map(Float.init), actual: result).maxAbsolute < 1e-6)
  }

  @Test(arguments: Arithmetic.allCases, [DK_BACKEND_NATIVE, DK_BACKEND_OPENBLAS])
  func maskedKeysHaveNoInfluence(arithmetic: Arithmetic, backend: dk_backend) throws {
    for headDim in [10, 64, 7] {
      let p = Problem(arithmetic, batch: 2, heads: 2, headDim: headDim, queries: 20, keys: 300)
      p.everyOption()
      for level in Level.all {
        let engine = try Engines.get(backend, level: level.level)
        let before = try p.run(engine)
        for poison: Float in [.nan, .infinity, 1e30] {
          for item in 0..<2 {
            for key in 0..<300 where !p.attends(item, key) {
              for column in 0..<2 * headDim {
                p.k[item * 300 + key, column] = poison
                p.v[item * 300 + key, column] = poison
              }
            }
          }
          #expect(try sameBits(before, p.run(engine)))
        }
        // ... and this test can fail: one that is not masked does have some.
        let kept = p.v[0, 0]
        p.v[0, 0] = kept + 4
        #expect(try !sameBits(before, p.run(engine)))
        p.v[0, 0] = kept
      }
    }
  }

  @Test(arguments: Arithmetic.allCases, [DK_BACKEND_NATIVE, DK_BACKEND_OPENBLAS])
  func batchesHaveTheBitsOfSinglePictures(arithmetic: Arithmetic, backend: dk_backend) throws {
    for everyOption in [false, true] {
      let p = Problem(arithmetic, batch: 3, heads: 3, headDim: 24, queries: 90, keys: 310)
      if everyOption { p.everyOption() }
      p.wantsProbabilities = false  // it would lie between the pictures
      for level in Level.all {
        let engine = try Engines.get(backend, level: level.level)
        #expect(try sameBits(p.run(engine), (0..<3).flatMap { try p.run(engine, picture: $0) }))
      }
    }
  }

  @Test(arguments: [Arithmetic.f32, .bf16])
  func largeScoresStayFinite(arithmetic: Arithmetic) throws {
    let p = Problem(arithmetic, batch: 1, heads: 1, headDim: 16, queries: 20, keys: 600)
    p.scale = 300
    try holdAgainstReference(
      "large scores", limit: arithmetic == .f32 ? 1e-6 : bf16Limit, openBLAS: false, tiles: arithmetic == .bf16
    ) { try p.run($0) }
  }

  @Test func everyOptionChangesTheResult() throws {
    let engine = try Engines.get(DK_BACKEND_NATIVE)
    let p = Problem(.f32, batch: 2, heads: 2, headDim: 8, queries: 6, keys: 9)
    let plain = try p.run(engine)
    let change: [(Problem) -> Void] = [
      { $0.usesBias = true }, { $0.scale = 1 }, { $0.keyCount = [5, 4] }, { $0.keyItem = [1, 0] },
      { $0.keyMask = (0..<18).map { $0 % 2 == 0 || $0 == 9 ? 1 : 0 } },
    ]
    for make in change {
      let other = Problem(.f32, batch: 2, heads: 2, headDim: 8, queries: 6, keys: 9)
      make(other)
      #expect(try Comparison(expected: plain, actual: other.run(engine)).nmse > 1e-3)
    }
  }
}
