import DiTTensors
import Testing

/// Operands of gradients that do not fit each other are errors, for every backend; those that fit are not.
@Suite struct GradientOperationTests {
  @Test(arguments: Backend.Kind.allCases) func rows(_ kind: Backend.Kind) throws {
    let backend = try Backend(kind, precision: .f32, threads: 1)
    let (x, narrow, dx, wide) = try (Tensor([3, 4]), Tensor([3, 4], type: .bf16), Tensor([3, 4]), Tensor([3, 5]))
    try backend.activationGradient(.silu, of: x, dy: x, into: dx)
    try backend.activationGradient(.geluErf, of: narrow, dy: x, into: dx)
    expectShape("dy") { try backend.activationGradient(.silu, of: x, dy: wide, into: dx) }
    expectShape("dx") { try backend.activationGradient(.silu, of: x, dy: x, into: wide) }
    expectShape("dy in bfloat16") { try backend.activationGradient(.silu, of: x, dy: narrow, into: dx) }
    expectShape("dx in bfloat16") { try backend.activationGradient(.silu, of: x, dy: x, into: narrow) }
    try backend.multiplyAdd(x, narrow, into: dx)
    expectShape("a factor") { try backend.multiplyAdd(x, wide, into: dx) }
    expectShape("a product") { try backend.multiplyAdd(x, x, into: wide) }
    expectShape("a product in bfloat16") { try backend.multiplyAdd(x, x, into: narrow) }
  }

  @Test(arguments: Backend.Kind.allCases) func norms(_ kind: Backend.Kind) throws {
    let backend = try Backend(kind, precision: .f32, threads: 1)
    let (x, dx, wide) = try (Tensor([4, 3]), Tensor([4, 3]), Tensor([4, 5]))
    let scale = try Modulation(Tensor([2, 6]), column: 3, rowsPerGroup: 2)
    let sums = try Modulation(Tensor([2, 6]), column: 0, rowsPerGroup: 2)
    try backend.layerNormGradient(of: x, eps: 1e-6, dy: x, into: dx)
    try backend.layerNormGradient(
      of: x, eps: 1e-6, weight: Tensor([3]), scale: scale, dShift: sums, dScale: sums, dy: x, into: dx)
    expectShape("dy") { try backend.layerNormGradient(of: x, eps: 1e-6, dy: wide, into: dx) }
    expectShape("dx") { try backend.layerNormGradient(of: x, eps: 1e-6, dy: x, into: wide) }
    expectShape("a weight") { try backend.layerNormGradient(of: x, eps: 1e-6, weight: Tensor([4]), dy: x, into: dx) }
    for other in try [
      Modulation(Tensor([2, 7]), column: 0, rowsPerGroup: 2), Modulation(Tensor([1, 6]), column: 0, rowsPerGroup: 4),
      Modulation(Tensor([2, 6]), column: 4, rowsPerGroup: 2), Modulation(Tensor([2, 6], type: .bf16), column: 0, rowsPerGroup: 2),
    ] {
      expectShape("a shift's gradient") {
        try backend.layerNormGradient(of: x, eps: 1e-6, scale: scale, dShift: other, dy: x, into: dx)
      }
      expectShape("a gate's gradient") { try backend.gateGradient(dy: x, gate: scale, branch: x, into: dx, dGate: other) }
    }
    try backend.rmsNormGradient(of: x, weight: Tensor([3]), eps: 1e-6, dWeight: Tensor([3]), dy: x, into: dx)
    expectShape("an RMS norm") { try backend.rmsNormGradient(of: x, weight: Tensor([3]), eps: 1e-6, dy: wide, into: dx) }
    expectShape("its weight") { try backend.rmsNormGradient(of: x, weight: Tensor([5]), eps: 1e-6, dy: x, into: dx) }
    expectShape("that one's") {
      try backend.rmsNormGradient(of: x, weight: Tensor([3]), eps: 1e-6, dWeight: Tensor([5]), dy: x, into: dx)
    }
    try backend.gateGradient(dy: x, gate: nil, branch: x, into: dx)
    try backend.gateGradient(dy: x, gate: scale, branch: x, into: dx, dGate: sums)
    expectShape("a branch") { try backend.gateGradient(dy: x, gate: scale, branch: wide, into: dx) }
    expectShape("its gradient") { try backend.gateGradient(dy: x, gate: scale, branch: x, into: wide) }
  }

  @Test(arguments: Backend.Kind.allCases) func attention(_ kind: Backend.Kind) throws {
    let backend = try Backend(kind, precision: .f32, threads: 1)
    let shape = AttentionShape(batch: 2, heads: 3, headSize: 4, queries: 5, keys: 7)
    let (q, k, wide) = try (Tensor([10, 12]), Tensor([14, 12]), Tensor([10, 13]))
    func run(
      _ shape: AttentionShape = shape, q: Tensor = q, k: Tensor = k, keys: AttentionKeys = AttentionKeys(), bias: [Int]? = nil,
      dOut: Tensor = q, dQ: Tensor? = nil, dK: Tensor? = nil, dV: Tensor? = nil
    ) throws {
      try backend.attentionGradient(
        shape, q: q, k: k, v: k, reading: keys, bias: bias.map { try Tensor($0) }, dOut: dOut,
        into: dQ ?? Tensor([10, 12]), dK ?? Tensor([14, 12]), dV ?? Tensor([14, 12]))
    }
    try run()
    try run(keys: AttentionKeys(item: [1, 1], count: [7, 1], mask: [UInt8](repeating: 1, count: 14)), bias: [3, 5, 7])
    expectShape("queries") { try run(q: wide) }
    expectShape("keys") { try run(k: q) }
    expectShape("types") { try run(k: Tensor([14, 12], type: .bf16)) }
    expectShape("items") { try run(keys: AttentionKeys(item: [0, 2])) }
    expectShape("a bias") { try run(bias: [3, 5, 6]) }
    expectShape("dOut") { try run(dOut: wide) }
    expectShape("dOut in bfloat16") { try run(dOut: Tensor([10, 12], type: .bf16)) }
    expectShape("dQ") { try run(dQ: wide) }
    expectShape("dK") { try run(dK: q) }
    expectShape("dV") { try run(dV: q) }
    expectShape("a cap") { try run(AttentionShape(batch: 2, heads: 3, headSize: 4, queries: 5, keys: 7, cap: 1)) }
  }

  @Test(arguments: Backend.Kind.allCases) func adapters(_ kind: Backend.Kind) throws {
    let backend = try Backend(kind, precision: .f32, threads: 1)
    let (x, m, h, wide) = try (Tensor([5, 4]), Tensor([2, 4]), Tensor([5, 2]), Tensor([5, 3]))
    try backend.project(x, by: m, into: h)
    try backend.expand(h, by: m, scale: 0.5, into: x)
    try backend.expand(h, by: m, into: Tensor([5, 4], type: .bf16))
    try backend.thinGradient(h, of: x, into: m)
    for (x, m, h) in try [
      (wide, m, h), (x, Tensor([3, 4]), h), (x, m, wide), (x, m, Tensor([4, 2])), (x, Tensor([2, 4], type: .bf16), h),
      (x, m, Tensor([5, 2], type: .bf16)),
    ] {
      expectShape("a projection") { try backend.project(x, by: m, into: h) }
      expectShape("an expansion") { try backend.expand(h, by: m, into: x) }
      expectShape("a gradient") { try backend.thinGradient(h, of: x, into: m) }
    }
  }
}
