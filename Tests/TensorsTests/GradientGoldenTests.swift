import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import Testing

/// Gradients against torch's autograd in float64 (Tests/Fixtures/lora-train/primitives), on every backend and instruction set.
@Suite struct GradientGoldenTests {
  private static let backends: [(Backend.Kind, String)] =
    Backend.Kind.allCases.flatMap { kind in kind == .native ? Backend.cpuLevels.map { (kind, $0) } : [(kind, "native")] }

  /// Tensors of a case by their names, and the comparison with what is expected.
  private struct Case {
    let name: String
    let file: Checkpoint

    init(_ name: String) throws {
      self.name = name
      file = try openCheckpoint(at: Fixtures.url("lora-train/primitives/\(name).safetensors"))
    }

    func input(_ name: String) throws -> Tensor { try file.tensor("input." + name) }
    func zeros(like name: String) throws -> Tensor { try Tensor(input(name).shape) }
    var dy: Tensor { get throws { try input("grad_output") } }

    func expect(_ actual: Tensor, isGradientOf operand: String, location: SourceLocation = #_sourceLocation) throws {
      let expected = try file.tensor("expected.grad." + operand)
      let comparison = Comparison(expected: expected.array, actual: actual.array)
      #expect(
        comparison.nmse <= 1e-11 && comparison.maxRelative <= 1e-5, "\(name), \(operand): \(comparison)",
        sourceLocation: location)
    }
  }

  @Test(arguments: backends) func rows(_ kind: Backend.Kind, _ level: String) throws {
    let backend = try Backend(kind, precision: .f32, threads: 2, cpu: level)
    for (name, activation) in [("gelu-tanh", Activation.geluTanh), ("silu", .silu)] {
      let one = try Case(name), dx = try one.zeros(like: "x")
      try backend.activationGradient(activation, of: one.input("x"), dy: one.dy, into: dx)
      try one.expect(dx, isGradientOf: "x")
    }
    let rms = try Case("rmsnorm"), (dx, dWeight) = try (rms.zeros(like: "x"), rms.zeros(like: "weight"))
    try backend.rmsNormGradient(
      of: rms.input("x"), weight: rms.input("weight"), eps: 1e-6, dWeight: dWeight, dy: rms.dy, into: dx)
    try rms.expect(dx, isGradientOf: "x")
    try rms.expect(dWeight, isGradientOf: "weight")
  }

  @Test(arguments: backends) func modulation(_ kind: Backend.Kind, _ level: String) throws {
    let backend = try Backend(kind, precision: .f32, threads: 2, cpu: level)
    func table(_ tensor: Tensor, of x: Tensor) -> Modulation { Modulation(tensor, column: 0, rowsPerGroup: x.shape[1]) }
    let norm = try Case("layernorm-modulate"), x = try norm.input("x")
    let (dx, dShift, dScale) = try (norm.zeros(like: "x"), norm.zeros(like: "shift"), norm.zeros(like: "scale"))
    try backend.layerNormGradient(
      of: x, eps: 1e-6, scale: table(norm.input("scale"), of: x), dShift: table(dShift, of: x), dScale: table(dScale, of: x),
      dy: norm.dy, into: dx)
    try norm.expect(dx, isGradientOf: "x")
    try norm.expect(dShift, isGradientOf: "shift")
    try norm.expect(dScale, isGradientOf: "scale")
    let gate = try Case("residual-gate"), branch = try gate.input("branch")
    let (dBranch, dGate) = try (gate.zeros(like: "branch"), gate.zeros(like: "gate"))
    try backend.gateGradient(
      dy: gate.dy, gate: table(gate.input("gate"), of: branch), branch: branch, into: dBranch, dGate: table(dGate, of: branch))
    try gate.expect(dBranch, isGradientOf: "branch")
    try gate.expect(dGate, isGradientOf: "gate")
  }

  @Test(arguments: backends) func attention(_ kind: Backend.Kind, _ level: String) throws {
    let backend = try Backend(kind, precision: .f32, threads: 2, cpu: level)
    for name in ["attention-self", "attention-masked-a"] {
      let one = try Case(name), (q, k) = try (one.input("q"), one.input("k"))
      let shape = AttentionShape(
        batch: q.shape[0], heads: q.shape[1], headSize: q.shape[3], queries: q.shape[2], keys: k.shape[2])
      let mask = try one.file.contains("input.mask") ? one.file.integers("input.mask").map { UInt8(clamping: $0) } : nil
      let (dQ, dK, dV) = try (rows(one.zeros(like: "q")), rows(one.zeros(like: "k")), rows(one.zeros(like: "v")))
      try backend.attentionGradient(
        shape, q: rows(q), k: rows(k), v: rows(one.input("v")), reading: AttentionKeys(mask: mask), dOut: rows(one.dy), into: dQ,
        dK, dV)
      for (operand, gradient) in [("q", dQ), ("k", dK), ("v", dV)] {
        try one.expect(heads(gradient, like: one.input(operand)), isGradientOf: operand)
      }
      for (row, kept) in (mask ?? []).enumerated() where kept == 0 {
        for gradient in [dK, dV] {
          var numbers = [Float](repeating: 1, count: gradient.columns)
          gradient.read(row: row, into: &numbers)
          #expect(numbers.allSatisfy { $0 == 0 })
        }
      }
    }
  }

  @Test(arguments: backends) func adapters(_ kind: Backend.Kind, _ level: String) throws {
    let backend = try Backend(kind, precision: .f32, threads: 2, cpu: level)
    let one = try Case("lora-linear"), scale: Float = 0.75
    let (x, dy, a, b) = try (one.input("x"), one.dy, one.input("lora_A"), one.input("lora_B"))
    let turned = try transposed(b), h = try Tensor([x.rows, a.rows]), dH = try Tensor([x.rows, a.rows])
    try backend.project(x, by: a, into: h)  // x Aᵀ
    try backend.project(dy, by: turned, into: dH)  // dy B
    let (dA, dTurned) = try (Tensor(a.shape), Tensor(turned.shape))
    try backend.thinGradient(dH, of: x, scale: scale, into: dA)
    try backend.thinGradient(h, of: dy, scale: scale, into: dTurned)
    try one.expect(dA, isGradientOf: "lora_A")
    try one.expect(transposed(dTurned), isGradientOf: "lora_B")
    // dy W, each row as a sum of rows of W, and the adapter's share.
    let dx = try Tensor(x.shape)
    try backend.expand(dy, by: one.input("weight"), into: dx)
    try backend.expand(dH, by: a, scale: scale, into: dx)
    try one.expect(dx, isGradientOf: "x")
  }

  private func transposed(_ x: Tensor) throws -> Tensor {
    let (rows, columns) = (x.rows, x.columns), numbers = x.array
    return try Tensor((0..<columns).flatMap { column in (0..<rows).map { numbers[$0 * columns + column] } }, [columns, rows])
  }

  /// [batch, heads, tokens, size] as rows [batch · tokens, heads · size].
  private func rows(_ x: Tensor) throws -> Tensor {
    let (batch, heads, tokens, size) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]), numbers = x.array
    let order = (0..<batch).flatMap { b in
      (0..<tokens).flatMap { t in (0..<heads).flatMap { h in (0..<size).map { ((b * heads + h) * tokens + t) * size + $0 } } }
    }
    return try Tensor(order.map { numbers[$0] }, [batch * tokens, heads * size])
  }

  /// The other way round.
  private func heads(_ x: Tensor, like original: Tensor) throws -> Tensor {
    let (batch, heads, tokens) = (original.shape[0], original.shape[1], original.shape[2]), size = original.shape[3]
    let numbers = x.array
    let order = (0..<batch).flatMap { b in
      (0..<heads).flatMap { h in (0..<tokens).flatMap { t in (0..<size).map { ((b * tokens + t) * heads + h) * size + $0 } } }
    }
    return try Tensor(order.map { numbers[$0] }, original.shape)
  }
}
