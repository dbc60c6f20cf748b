import DiTCKernels
import Foundation
import Testing

/// One call of `dk_linear`, with everything in guarded memory.
struct LinearCase {
  var m: Int, n: Int, k: Int
  var kind = DK_WEIGHT_F32
  var source = DK_STORED_F32
  var x = DK_F32, out = DK_F32
  var activation = DK_ACT_NONE
  var bias = true, residual = false, gate = false
  var xGap = 0, outGap = 0
  var rowsPerGroup = 3
  var seed: UInt64 = 1
  /// Other weights are packed first, and these into their memory.
  var repacked = false
  /// Unit-gain weights unless changed.
  var weightScale: Float = 1

  /// Rows `rows` of the outputs (all of them if nil).
  func run(_ engine: OpaquePointer, rows: Range<Int>? = nil) throws -> [Float] {
    var random = TestRandom(seed)
    let rows = rows ?? 0..<m, first = rows.lowerBound, groups = (m - 1) / rowsPerGroup + 1
    let weights = random.floats(n * k, deviation: weightScale / Float(k).squareRoot())
    let x = Rows(x, m, k, gap: xGap, values: random.floats(m * k)), before = random.floats(m * n)
    let out = Rows(out, m, n, gap: outGap, values: before), untouched = Rows(self.out, m, n, values: before)
    let bias = Rows(DK_F32, 1, n, values: random.floats(n))
    let gates = Rows(DK_F32, groups, n, gap: 3, values: random.floats(groups * n).map { 0.5 + 0.3 * $0 })

    let stored = GuardedMemory(weights, as: source), others = GuardedMemory(weights.map { 3 - $0 }, as: source)
    let pieces = [stored, others].map { dk_source(type: source, rows: n, data: $0.pointer, scales: nil) }
    let packed = try pack(engine, kind, n, k, [repacked ? pieces[1] : pieces[0]])
    defer { dk_weight_free(packed) }
    if repacked { try checked(dk_weight_fill(engine, packed, [pieces[0]])) }

    // Gates and residuals follow the row's number in the whole, so only ungated calls may start in the middle.
    precondition(first == 0 || !gate || first % rowsPerGroup == 0)
    var epilogue = dk_epilogue(
      bias: self.bias ? bias.floats : nil, activation: activation, residual: residual ? 1 : 0,
      gate: gate ? gates.floats + first / rowsPerGroup * gates.stride : nil, gate_stride: gates.stride,
      rows_per_group: rowsPerGroup)
    try checked(dk_linear(engine, rows.count, x.view(row: first), packed, &epilogue, out.view(row: first)))

    #expect(out.gapsAreIntact, "\(self)")
    let all = out.array, same = untouched.array
    for row in 0..<m where !rows.contains(row) {
      #expect(all[row * n..<(row + 1) * n] == same[row * n..<(row + 1) * n], "row \(row) written: \(self)")
    }
    return Array(all[first * n..<rows.upperBound * n])
  }

  /// - Parameter emulation: false leaves out that of AMX.
  func holdAgainstReference(
    limit: Double? = nil, emulation: Bool = true, location: SourceLocation = #_sourceLocation
  ) throws {
    try KernelTests.holdAgainstReference(
      "\(self)", limit: limit ?? tolerance, floor: 1, tiles: emulation && kind != DK_WEIGHT_F32, location: location
    ) { try run($0) }
  }

  var tolerance: Double {
    let rounding = out == DK_BF16 ? 1.6e-5 : 0  // half a unit of 8 bits, squared
    switch kind {
    case DK_WEIGHT_F32: return 1e-12 + rounding
    case DK_WEIGHT_BF16: return 1e-5 + rounding  // float32 x is rounded to bf16 where the CPU multiplies those
    case DK_WEIGHT_INT12: return 2e-6 + rounding  // x and weights in 4095 levels
    default: return 1e-4 + rounding  // x in 255 levels, where the CPU multiplies bytes
    }
  }
}

/// A packed matrix [n][k]; the sources' rows add up to n.
func pack(_ engine: OpaquePointer, _ kind: dk_weight_kind, _ n: Int, _ k: Int, _ sources: [dk_source]) throws -> OpaquePointer {
  let weight = try made(dk_weight_create(engine, kind, n, k))
  guard dk_weight_fill(engine, weight, sources) == DK_OK else {
    dk_weight_free(weight)
    throw NoMemory()
  }
  return weight
}

private let kinds = [DK_WEIGHT_F32, DK_WEIGHT_BF16, DK_WEIGHT_INT8, DK_WEIGHT_INT12]
private let activations = [DK_ACT_NONE, DK_ACT_GELU_TANH, DK_ACT_GELU_ERF, DK_ACT_GELU_QUICK, DK_ACT_SILU, DK_ACT_RELU]

@Suite struct LinearTests {
  @Test(arguments: [DK_BACKEND_NATIVE, DK_BACKEND_REFERENCE], kinds)
  func weightsCanTakeOthersPlace(backend: dk_backend, kind: dk_weight_kind) throws {
    let engine = try Engines.get(backend)
    for (m, n, k) in [(5, 97, 33), (3, 64, 64), (2, 7, 130)] {
      let fresh = LinearCase(m: m, n: n, k: k, kind: kind, source: DK_STORED_F16)
      var again = fresh
      again.repacked = true
      #expect(try again.run(engine) == fresh.run(engine))
    }
  }

  @Test(arguments: kinds)
  func oddShapesAgreeWithReference(kind: dk_weight_kind) throws {
    var random = TestRandom(UInt64(kind.rawValue) + 10)
    let odd = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 47, 48, 49, 63, 65, 95, 97, 100]
    for round in 0..<120 {
      var test = LinearCase(
        m: odd.randomElement(using: &random)!, n: odd.randomElement(using: &random)!, k: odd.randomElement(using: &random)!)
      test.kind = kind
      test.seed = UInt64(round)
      test.source = [DK_STORED_F32, DK_STORED_F16, DK_STORED_BF16, DK_STORED_F64].randomElement(using: &random)!
      test.x = [DK_F32, DK_BF16].randomElement(using: &random)!
      test.out = [DK_F32, DK_BF16].randomElement(using: &random)!
      test.bias = .random(using: &random)
      test.activation = activations.randomElement(using: &random)!
      test.xGap = .random(in: 0...5, using: &random)
      test.outGap = .random(in: 0...5, using: &random)
      if test.m * test.n == 1 && test.activation == DK_ACT_RELU { continue }  // the one number may be 0
      try test.holdAgainstReference()
    }
  }

  @Test(arguments: kinds)
  func everyEpilogueAgreesWithReference(kind: dk_weight_kind) throws {
    for activation in activations {
      for (residual, gate) in [(false, false), (true, false), (true, true)] {
        for out in residual ? [DK_F32] : [DK_F32, DK_BF16] {
          // 53 columns take the path of remainders, 96 that of whole vectors.
          for n in [53, 96] {
            var test = LinearCase(m: 21, n: n, k: 64, kind: kind, out: out, activation: activation)
            (test.residual, test.gate, test.outGap) = (residual, gate, 3)
            try test.holdAgainstReference()
          }
        }
      }
    }
  }

  /// Larger than every block: 64 rows, 1,024 steps of a panel. Several tasks share the rows. Emulated tiles have TileTests.
  @Test(arguments: kinds)
  func longSumsAgreeWithReference(kind: dk_weight_kind) throws {
    for (m, n, k) in [(3, 70, 16384), (130, 49, 2051), (1, 500, 1000)] {
      let test = LinearCase(m: m, n: n, k: k, kind: kind)
      try test.holdAgainstReference(limit: kind == DK_WEIGHT_F32 ? 2e-11 : nil, emulation: false)
    }
    for (m, n, k, activation) in [
      (150, 100, 301, DK_ACT_GELU_TANH), (7, 300, 9000, DK_ACT_GELU_TANH), (70, 300, 5000, DK_ACT_NONE),
    ] {
      var test = LinearCase(m: m, n: n, k: k, kind: kind, activation: activation)
      (test.residual, test.gate) = (true, true)
      try test.holdAgainstReference(limit: kind == DK_WEIGHT_F32 ? 2e-11 : nil, emulation: false)
    }
  }

  /// Saturated activations: nothing overflows, and GELU of −40 is 0.
  @Test(arguments: activations)
  func largeNumbersStayFinite(activation: dk_activation) throws {
    try LinearCase(m: 9, n: 50, k: 33, activation: activation, weightScale: 60).holdAgainstReference()
  }

  @Test(arguments: Level.all, kinds)
  func bitsDoNotDependOnRowsComputedTogether(level: Level, kind: dk_weight_kind) throws {
    let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
    for (m, n, k) in [(75, 50, 131), (11, 130, 8500)] {
      let test = LinearCase(m: m, n: n, k: k, kind: kind, activation: DK_ACT_SILU)
      let together = try test.run(engine)
      for size in [1, 2, 3, 5, 13, 64] {
        var pieces: [Float] = []
        for start in stride(from: 0, to: m, by: size) {
          pieces += try test.run(engine, rows: start..<min(m, start + size))
        }
        #expect(pieces == together, "\(size) rows at a time, \(test)")
        if k > 1000 && size > 2 { break }
      }
    }
  }

  /// Integers are summed exactly, so all CPUs that quantise x to as many levels give the same bits.
  @Test(arguments: [DK_WEIGHT_INT8, DK_WEIGHT_INT12], [DK_F32, DK_BF16])
  func integersAreTheSameOnEveryCPU(kind: dk_weight_kind, x: dk_type) throws {
    for k in [203, 1600] {  // the longer ones are summed in several pieces
      let test = LinearCase(m: 37, n: 101, k: k, kind: kind, x: x)
      var results: [Bool: [Float]] = [:]
      for level in Level.all {
        let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level), result = try test.run(engine)
        let multipliesBytes = kind == DK_WEIGHT_INT8 && dk_engine_has_vnni(engine) == 1
        if let other = results[multipliesBytes] { #expect(result == other, "\(level)") }
        results[multipliesBytes] = result
      }
    }
  }

  /// The largest levels everywhere: the sums of a piece just fit.
  @Test(arguments: Level.all, [DK_WEIGHT_INT8, DK_WEIGHT_INT12])
  func sumsOfIntegersDoNotOverflow(level: Level, kind: dk_weight_kind) throws {
    let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level), k = 5000
    let weights = GuardedMemory([Float](repeating: 1, count: 3 * k))
    let packed = try pack(engine, kind, 3, k, [dk_source(type: DK_STORED_F32, rows: 3, data: weights.pointer, scales: nil)])
    defer { dk_weight_free(packed) }
    let x = Rows(DK_F32, 2, k, values: [Float](repeating: -1, count: 2 * k)), out = Rows(DK_F32, 2, 3)
    try checked(dk_linear(engine, 2, x.view, packed, nil, out.view))
    let isRight = out.array.allSatisfy { abs($0 + 5000) < 5 }
    #expect(isRight)
  }

  /// Rows none at all.
  @Test(arguments: [DK_BACKEND_NATIVE, DK_BACKEND_REFERENCE, DK_BACKEND_OPENBLAS])
  func noRowsAreNoWork(backend: dk_backend) throws {
    #expect(try LinearCase(m: 3, n: 5, k: 7).run(Engines.get(backend), rows: 1..<1) == [])
  }

  @Test(arguments: Level.all, kinds)
  func notANumberIsNotHidden(level: Level, kind: dk_weight_kind) throws {
    let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
    let weights = GuardedMemory([Float](repeating: 1, count: 60))
    let packed = try pack(engine, kind, 3, 20, [dk_source(type: DK_STORED_F32, rows: 3, data: weights.pointer, scales: nil)])
    defer { dk_weight_free(packed) }
    let x = Rows(DK_F32, 2, 20, values: [Float](repeating: 1, count: 40)), out = Rows(DK_F32, 2, 3)
    x[1, 5] = .nan
    try checked(dk_linear(engine, 2, x.view, packed, nil, out.view))
    let values = out.array
    #expect(values[0..<3].allSatisfy { abs($0 - 20) < 1e-3 } && values[3...].allSatisfy(\.isNaN))
  }

  /// q, k and v from three files, one of them int8 with scales, are one matrix.
  @Test(arguments: kinds)
  func stackedSourcesAreOneMatrix(kind: dk_weight_kind) throws {
    let k = 37
    var random = TestRandom(5)
    let first = random.floats(20 * k), second = random.floats(33 * k)
    let levels = (0..<13 * k).map { _ in Int8.random(in: -127...127, using: &random) }
    // Every row holds a 127, as quantised rows do: quantising it again would find the same levels.
    let third = levels.enumerated().map { $0.offset % k == 0 ? 127 : $0.element }
    let scales = (0..<13).map { 0.001 * Float($0 + 1) }
    var whole = first + second
    for row in 0..<13 { whole += (0..<k).map { Float(third[row * k + $0]) * scales[row] } }
    let x = Rows(DK_F32, 5, k, values: random.floats(5 * k)), scaleRow = Rows(DK_F32, 1, 13, values: scales)
    let memory = (GuardedMemory(first), GuardedMemory(second), GuardedMemory(levels: third), GuardedMemory(whole))
    let stacked = [
      dk_source(type: DK_STORED_F32, rows: 20, data: memory.0.pointer, scales: nil),
      dk_source(type: DK_STORED_F32, rows: 33, data: memory.1.pointer, scales: nil),
      dk_source(type: DK_STORED_I8, rows: 13, data: memory.2.pointer, scales: scaleRow.floats),
    ]
    let one = [dk_source(type: DK_STORED_F32, rows: 66, data: memory.3.pointer, scales: nil)]
    for level in Level.all {
      let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
      let outputs = try [stacked, one].map { sources in
        let packed = try pack(engine, kind, 66, k, sources), out = Rows(DK_F32, 5, 66)
        defer { dk_weight_free(packed) }
        try checked(dk_linear(engine, 5, x.view, packed, nil, out.view))
        return out.array
      }
      // Levels of eight bits are kept, not rounded again to twelve.
      #expect(unitError(outputs[1], outputs[0]) < (kind == DK_WEIGHT_INT12 ? 1e-7 : 1e-12))
    }
    withExtendedLifetime((memory, scaleRow)) {}
  }

  /// The plumbing of the sgemm backend, with a plain sgemm in its place.
  @Test(arguments: kinds)
  func sgemmBackendAgreesWithReference(kind: dk_weight_kind) throws {
    let engine = try TestEngine(DK_BACKEND_OPENBLAS)
    let plain: dk_sgemm = { order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc in
      guard order == 101, transA == 111, transB == 112, alpha == 1, beta == 0, let a, let b, let c else { return }
      for row in 0..<Int(m) {
        for column in 0..<Int(n) {
          var sum = 0.0
          for i in 0..<Int(k) { sum += Double(a[row * Int(lda) + i]) * Double(b[column * Int(ldb) + i]) }
          c[row * Int(ldc) + column] = Float(sum)
        }
      }
    }
    engine.use { dk_engine_use_sgemm($0, plain) }
    for x in [DK_F32, DK_BF16] {
      var test = LinearCase(m: 131, n: 37, k: 29, kind: kind, x: x, activation: DK_ACT_GELU_ERF)
      (test.residual, test.gate, test.xGap, test.outGap) = (true, true, 3, 2)
      #expect(try unitError(test.run(Engines.get(DK_BACKEND_REFERENCE)), engine.use { try test.run($0) }) < 1e-12)
    }
  }

  /// The measure itself notices a lost bias, another activation and other weights.
  @Test func mistakesAreNoticed() throws {
    let engine = try Engines.get(DK_BACKEND_NATIVE)
    let test = LinearCase(m: 10, n: 20, k: 30, activation: DK_ACT_GELU_TANH)
    let expected = try test.run(engine)
    var other = test
    other.bias = false
    #expect(try unitError(expected, other.run(engine)) > 1e-2)
    other = test
    other.activation = DK_ACT_GELU_ERF  // differs by 1e-3 at most
    #expect(try unitError(expected, other.run(engine)) > 1e-9)
    other = test
    other.seed = 2
    #expect(try unitError(expected, other.run(engine)) > 0.1)
  }
}
