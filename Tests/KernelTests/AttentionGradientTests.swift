import DiTCKernels
import Foundation
import DiTTensors
import Testing

@Suite struct AttentionGradientTests {
  typealias Problem = AttentionTests.Problem

  /// dq, dk and dv, added to numbers that are there.
  static func gradients(_ p: Problem, _ engine: OpaquePointer, dOut: Rows, before: Float = 0.25) throws -> [Rows] {
    let width = p.heads * p.headDim
    func filled(_ rows: Int, gap: Int) -> Rows {
      Rows(DK_F32, rows, width, gap: gap, values: Array(repeating: before, count: rows * width))
    }
    let dQ = filled(p.batch * p.queries, gap: 2), dK = filled(p.items * p.keys, gap: 3), dV = filled(p.items * p.keys, gap: 1)
    var arguments = dk_attention_gradient_arguments()
    (arguments.attention.batch, arguments.attention.heads, arguments.attention.head_dim) = (p.batch, p.heads, p.headDim)
    (arguments.attention.queries, arguments.attention.keys, arguments.attention.scale) = (p.queries, p.keys, p.scale)
    (arguments.attention.q, arguments.attention.k, arguments.attention.v) = (p.q.view, p.k.view, p.v.view)
    (arguments.d_out, arguments.d_q, arguments.d_k, arguments.d_v) = (dOut.view, dQ.view, dK.view, dV.view)
    if p.usesBias { arguments.attention.bias = UnsafePointer(p.bias.floats) }
    try (p.keyItem ?? []).withUnsafeBufferPointer { items in
      try (p.keyCount ?? []).withUnsafeBufferPointer { counts in
        try (p.keyMask ?? []).withUnsafeBufferPointer { masks in
          if p.keyItem != nil { arguments.attention.key_item = items.baseAddress }
          if p.keyCount != nil { arguments.attention.key_count = counts.baseAddress }
          if p.keyMask != nil { arguments.attention.key_mask = masks.baseAddress }
          try checked(dk_attention_gradient(engine, &arguments))
        }
      }
    }
    let all = [dQ, dK, dV]
    #expect(all.allSatisfy { $0.gapsAreIntact })
    return all
  }

  private static func run(_ p: Problem, _ engine: OpaquePointer) throws -> [Float] {
    try gradients(p, engine, dOut: drawn(p)).flatMap(\.array)
  }

  private static func drawn(_ p: Problem) -> Rows {
    var numbers = Numbers(seed: 40)
    let (rows, width) = (p.batch * p.queries, p.heads * p.headDim)
    return Rows(DK_F32, rows, width, gap: 6, values: numbers.array(rows * width))
  }

  @Test(arguments: [Arithmetic.f32, .bf16])
  func matchesTheReference(arithmetic: Arithmetic) throws {
    let shapes = [
      (2, 3, 64, 70, 70), (1, 2, 10, 5, 1), (2, 2, 12, 33, 7), (1, 1, 72, 49, 40), (1, 2, 33, 96, 16), (2, 1, 7, 3, 257),
    ]
    for (batch, heads, headDim, queries, keys) in shapes {
      let problem = Problem(arithmetic, batch: batch, heads: heads, headDim: headDim, queries: queries, keys: keys)
      try holdAgainstReference("attention \(headDim) \(queries)x\(keys)", limit: f32Limit, openBLAS: false) {
        try Self.run(problem, $0)
      }
      problem.everyOption()
      try holdAgainstReference("all options \(headDim) \(queries)x\(keys)", limit: f32Limit) { try Self.run(problem, $0) }
      let shared = Problem(arithmetic, batch: 3, heads: heads, headDim: headDim, queries: queries, keys: keys, items: 2)
      try holdAgainstReference("shared keys \(headDim) \(queries)x\(keys)", limit: f32Limit, openBLAS: false) {
        try Self.run(shared, $0)
      }
    }
  }

  /// Σ out · dOut changes by as much as the gradients say, whichever number of q, k or v changes.
  @Test func referenceIsTheSlopeOfAttention() throws {
    let p = Problem(.f32, batch: 3, heads: 2, headDim: 3, queries: 4, keys: 5, items: 2)
    p.everyOption()
    p.wantsProbabilities = false
    p.scale = 0.7
    let engine = try Engines.get(DK_BACKEND_REFERENCE), dOut = Self.drawn(p), step: Float = 1 / 128
    let gradients = try Self.gradients(p, engine, dOut: dOut, before: 0)
    func loss() throws -> Double { try zip(p.run(engine), dOut.array).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    for (operand, gradient) in zip([p.q, p.k, p.v], gradients) {
      for row in 0..<operand.rows {
        for column in 0..<operand.columns {
          let kept = operand[row, column]
          operand[row, column] = kept + step
          let above = try loss()
          operand[row, column] = kept - step
          let difference = try (above - loss()) / Double(2 * step)
          operand[row, column] = kept
          #expect(abs(difference - Double(gradient[row, column])) < 2e-3)
        }
      }
    }
  }

  /// What is masked has no influence, whatever it is, and its own gradient is not touched; nor is that of an item that no
  /// picture reads.
  @Test(arguments: [DK_BACKEND_REFERENCE, DK_BACKEND_NATIVE])
  func maskedKeysAreLeftAlone(backend: dk_backend) throws {
    let p = Problem(.f32, batch: 2, heads: 2, headDim: 10, queries: 20, keys: 60, items: 3)
    p.everyOption()
    p.keyItem = [2, 2]
    let attends = { (item: Int, key: Int) in item == 2 && p.attends(item, key) }
    for level in Level.withoutEmulation {
      let engine = try Engines.get(backend, level: level.level), before = try Self.run(p, engine)
      for item in 0..<3 {
        for key in 0..<60 where !attends(item, key) {
          for column in 0..<20 { (p.k[item * 60 + key, column], p.v[item * 60 + key, column]) = (.nan, .infinity) }
        }
      }
      let gradients = try Self.gradients(p, engine, dOut: Self.drawn(p))
      #expect(sameBits(gradients.flatMap(\.array), before))
      for item in 0..<3 {
        for key in 0..<60 {
          let row = item * 60 + key, own = (0..<20).flatMap { [gradients[1][row, $0], gradients[2][row, $0]] }
          #expect(own.allSatisfy { $0 == 0.25 } == !attends(item, key))
        }
      }
    }
  }

  @Test func largeScoresStayFinite() throws {
    let p = Problem(.f32, batch: 1, heads: 1, headDim: 16, queries: 20, keys: 300)
    p.scale = 300
    try holdAgainstReference("large scores", limit: 1e-6) { try Self.run(p, $0) }
  }

  @Test func survivesWantOfMemory() throws {
    let p = Problem(.f32, batch: 2, heads: 2, headDim: 12, queries: 70, keys: 40)
    try holdWithoutMemory("gradient of attention") { try Self.run(p, $0) }
  }
}
