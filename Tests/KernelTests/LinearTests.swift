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
  var xPadding = 0, outPadding = 0
  var rowsPerGroup = 3
  var seed: UInt64 = 1
  /// Other weights are packed first, and these into their memory.
  var repacked = false
  /// Unit-gain weights unless changed.
  var weightScale: Float = 1

  /// Rows `rows` of the outputs (all of them if nil), without the padding; nil if the padding was written to.
  func run(_ engine: TestEngine, rows: Range<Int>? = nil) -> [Float]? {
    var random = TestRandom(seed)
    let rows = rows ?? 0..<m
    let weights = random.floats(n * k, deviation: weightScale / Float(k).squareRoot())
    let xStride = k + xPadding, outStride = n + outPadding, gateStride = n + 3
    let xs = random.floats(m * xStride), before = random.floats(m * outStride)
    let biases = random.floats(n)
    let gates = random.floats((m - 1) / rowsPerGroup * gateStride + n).map { 0.5 + 0.3 * $0 }

    let weightMemory = GuardedMemory(weights, as: source), biasMemory = GuardedMemory(biases), gateMemory = GuardedMemory(gates)
    // The last row ends with its last number, not with its padding.
    let xMemory = GuardedMemory(Array(xs.dropLast(xPadding)), as: x.stored)
    let outMemory = GuardedMemory(Array(before.dropLast(outPadding)), as: out.stored)
    let piece = dk_source(type: source, rows: n, data: weightMemory.pointer, scales: nil)
    let others = GuardedMemory(repacked ? weights.map { 3 - $0 } : weights, as: source)
    let first = dk_source(type: source, rows: n, data: others.pointer, scales: nil)
    guard let packed = engine.pack(kind, n, k, [first]) else { return nil }
    defer { dk_weight_free(packed) }
    if repacked { dk_weight_fill(engine.pointer, packed, [piece]) }

    // Gates and residuals follow the row's number in the whole, so only ungated calls may start in the middle.
    precondition(rows.lowerBound == 0 || !gate || rows.lowerBound % rowsPerGroup == 0)
    var epilogue = dk_epilogue(
      bias: bias ? biasMemory.floats : nil, activation: activation, residual: residual ? 1 : 0,
      gate: gate ? gateMemory.floats + rows.lowerBound / rowsPerGroup * gateStride : nil, gate_stride: gateStride,
      rows_per_group: rowsPerGroup)
    let xSize = x == DK_F32 ? 4 : 2, outSize = out == DK_F32 ? 4 : 2
    dk_linear(
      engine.pointer, rows.count,
      dk_rows(type: x, data: xMemory.pointer + rows.lowerBound * xStride * xSize, stride: xStride), packed, &epilogue,
      dk_rows(type: out, data: outMemory.pointer + rows.lowerBound * outStride * outSize, stride: outStride))

    let after = outMemory.array(m * outStride - outPadding, of: out)
    var unchanged = [Float](repeating: 0, count: before.count - outPadding)
    let stored = GuardedMemory(Array(before.dropLast(outPadding)), as: out.stored)
    unchanged = stored.array(unchanged.count, of: out)
    var result: [Float] = []
    for row in 0..<m {
      for column in 0..<min(outStride, after.count - row * outStride) {
        let at = row * outStride + column
        if rows.contains(row) && column < n { result.append(after[at]) }
        else if after[at] != unchanged[at] { return nil }
      }
    }
    return result
  }

  /// What double accumulation gives, in float32.
  func expected() -> [Float]? {
    var exact = self
    exact.out = DK_F32
    return exact.run(TestEngine(DK_BACKEND_REFERENCE, threads: 1))
  }

  var tolerance: Double {
    let rounding = out == DK_BF16 ? 1.6e-5 : 0  // half a unit of 8 bits, squared
    switch kind {
    case DK_WEIGHT_F32: return 1e-12 + rounding
    case DK_WEIGHT_BF16: return 1e-5 + rounding  // float32 x is rounded to bf16 where the CPU multiplies those
    default: return 1e-4 + rounding  // x in 255 levels
    }
  }
}

private let kinds = [DK_WEIGHT_F32, DK_WEIGHT_BF16, DK_WEIGHT_INT8]
private let activations = [DK_ACT_NONE, DK_ACT_GELU_TANH, DK_ACT_GELU_ERF, DK_ACT_SILU, DK_ACT_RELU]

@Suite struct LinearTests {
  @Test(arguments: [DK_BACKEND_NATIVE, DK_BACKEND_REFERENCE], kinds)
  func weightsCanTakeOthersPlace(backend: dk_backend, kind: dk_weight_kind) throws {
    let engine = TestEngine(backend)
    for (m, n, k) in [(5, 97, 33), (3, 64, 64), (2, 7, 130)] {
      let fresh = LinearCase(m: m, n: n, k: k, kind: kind, source: DK_STORED_F16)
      var again = fresh
      again.repacked = true
      let replaced = try #require(again.run(engine))
      #expect(replaced == fresh.run(engine))
    }
  }

  @Test(arguments: CPU.all, kinds)
  func oddShapesAgreeWithReference(cpu: CPU, kind: dk_weight_kind) throws {
    let engine = TestEngine(cpu: cpu)
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
      test.xPadding = .random(in: 0...5, using: &random)
      test.outPadding = .random(in: 0...5, using: &random)
      let actual = try #require(test.run(engine), "padding written: \(test)")
      let error = unitError(try #require(test.expected()), actual)
      #expect(error < test.tolerance, "\(test)")
    }
  }

  @Test(arguments: CPU.all, kinds)
  func everyEpilogueAgreesWithReference(cpu: CPU, kind: dk_weight_kind) throws {
    let engine = TestEngine(cpu: cpu)
    for activation in activations {
      for (residual, gate) in [(false, false), (true, false), (true, true)] {
        for out in residual ? [DK_F32] : [DK_F32, DK_BF16] {
          var test = LinearCase(m: 21, n: 53, k: 64, kind: kind, out: out, activation: activation)
          (test.residual, test.gate, test.outPadding) = (residual, gate, 3)
          let actual = try #require(test.run(engine), "padding written: \(test)")
          let error = unitError(try #require(test.expected()), actual)
          #expect(error < test.tolerance, "\(test)")
        }
      }
    }
  }

  /// Larger than every block: 64 rows, 2,048 steps of a panel.
  @Test(arguments: CPU.all, kinds)
  func longSumsAgreeWithReference(cpu: CPU, kind: dk_weight_kind) throws {
    for (m, n, k) in [(3, 70, 16384), (130, 49, 2051), (1, 500, 1000)] {
      let test = LinearCase(m: m, n: n, k: k, kind: kind)
      let error = unitError(try #require(test.expected()), try #require(test.run(TestEngine(cpu: cpu))))
      #expect(error < (kind == DK_WEIGHT_F32 ? 2e-11 : test.tolerance), "\(test)")
    }
  }

  /// Saturated activations: nothing overflows, and GELU of −40 is 0.
  @Test(arguments: CPU.all, activations)
  func largeNumbersStayFinite(cpu: CPU, activation: dk_activation) throws {
    let test = LinearCase(m: 9, n: 50, k: 33, activation: activation, weightScale: 60)
    let error = unitError(try #require(test.expected()), try #require(test.run(TestEngine(cpu: cpu))))
    #expect(error < 1e-12, "\(test)")
  }

  @Test(arguments: CPU.all, kinds)
  func bitsDoNotDependOnThreads(cpu: CPU, kind: dk_weight_kind) throws {
    for (m, n, k) in [(150, 100, 301), (7, 300, 9000)] {
      var test = LinearCase(m: m, n: n, k: k, kind: kind, activation: DK_ACT_GELU_TANH)
      (test.residual, test.gate) = (true, true)
      let one = try #require(test.run(TestEngine(threads: 1, cpu: cpu)))
      for threads in [2, 4] {
        #expect(test.run(TestEngine(threads: threads, cpu: cpu)) == one, "\(threads) threads, \(test)")
      }
    }
  }

  @Test(arguments: CPU.all, kinds)
  func bitsDoNotDependOnRowsComputedTogether(cpu: CPU, kind: dk_weight_kind) throws {
    let engine = TestEngine(cpu: cpu)
    for (m, n, k) in [(75, 50, 131), (11, 49, 8500)] {
      let test = LinearCase(m: m, n: n, k: k, kind: kind, activation: DK_ACT_SILU)
      let together = try #require(test.run(engine))
      for size in [1, 2, 3, 5, 13, 64] {
        var pieces: [Float] = []
        for start in stride(from: 0, to: m, by: size) {
          pieces += try #require(test.run(engine, rows: start..<min(m, start + size)))
        }
        #expect(pieces == together, "\(size) rows at a time, \(test)")
        if k > 1000 && size > 2 { break }
      }
    }
  }

  /// int8 arithmetic is exact, so all CPUs give the same bits.
  @Test func int8IsTheSameOnEveryCPU() throws {
    for x in [DK_F32, DK_BF16] {
      let test = LinearCase(m: 37, n: 101, k: 203, kind: DK_WEIGHT_INT8, x: x)
      let portable = try #require(test.run(TestEngine(cpu: CPU(level: DK_CPU_PORTABLE))))
      for cpu in CPU.all { #expect(test.run(TestEngine(cpu: cpu)) == portable) }
    }
  }

  @Test func notANumberIsNotHidden() throws {
    for cpu in CPU.all {
      for kind in kinds {
        let engine = TestEngine(cpu: cpu)
        let ones = [Float](repeating: 1, count: 60)
        var piece = dk_source(type: DK_STORED_F32, rows: 3, data: GuardedMemory(ones).pointer, scales: nil)
        let weights = GuardedMemory([Float](repeating: 1, count: 60))
        piece.data = UnsafeRawPointer(weights.pointer)
        let packed = try #require(engine.pack(kind, 3, 20, [piece]))
        defer { dk_weight_free(packed) }
        var xs = [Float](repeating: 1, count: 40)
        xs[25] = .nan
        let x = GuardedMemory(xs), out = GuardedMemory([Float](repeating: 0, count: 6))
        dk_linear(
          engine.pointer, 2, dk_rows(type: DK_F32, data: x.pointer, stride: 20), packed, nil,
          dk_rows(type: DK_F32, data: out.pointer, stride: 3))
        let values = out.array(6, of: DK_F32)
        #expect(values[0..<3].allSatisfy { abs($0 - 20) < 1e-3 } && values[3...].allSatisfy(\.isNaN))
      }
    }
  }

  /// q, k and v from three files, one of them int8 with scales, are one matrix.
  @Test(arguments: CPU.all, kinds)
  func stackedSourcesAreOneMatrix(cpu: CPU, kind: dk_weight_kind) throws {
    let engine = TestEngine(cpu: cpu), k = 37
    var random = TestRandom(5)
    let first = random.floats(20 * k), second = random.floats(33 * k)
    let levels = (0..<13 * k).map { _ in Int8.random(in: -127...127, using: &random) }
    // Every row holds a 127, as quantised rows do: quantising it again would find the same levels.
    let third = levels.enumerated().map { $0.offset % k == 0 ? 127 : $0.element }
    let scales = (0..<13).map { 0.001 * Float($0 + 1) }
    var whole = first + second
    for row in 0..<13 { whole += (0..<k).map { Float(third[row * k + $0]) * scales[row] } }

    let memory = (GuardedMemory(first), GuardedMemory(second), GuardedMemory(levels: third), GuardedMemory(whole))
    let outputs = try scales.withUnsafeBufferPointer { scales in
      try [
        [
          dk_source(type: DK_STORED_F32, rows: 20, data: memory.0.pointer, scales: nil),
          dk_source(type: DK_STORED_F32, rows: 33, data: memory.1.pointer, scales: nil),
          dk_source(type: DK_STORED_I8, rows: 13, data: memory.2.pointer, scales: scales.baseAddress),
        ], [dk_source(type: DK_STORED_F32, rows: 66, data: memory.3.pointer, scales: nil)],
      ].map { sources in
        let packed = try #require(engine.pack(kind, 66, k, sources))
        defer { dk_weight_free(packed) }
        var random = TestRandom(6)
        let x = GuardedMemory(random.floats(5 * k)), out = GuardedMemory(byteCount: 5 * 66 * 4)
        dk_linear(
          engine.pointer, 5, dk_rows(type: DK_F32, data: x.pointer, stride: k), packed, nil,
          dk_rows(type: DK_F32, data: out.pointer, stride: 66))
        return out.array(5 * 66, of: DK_F32)
      }
    }
    #expect(unitError(outputs[1], outputs[0]) < 1e-12)
  }

  /// The plumbing of the sgemm backend, with a plain sgemm in its place.
  @Test(arguments: kinds)
  func sgemmBackendAgreesWithReference(kind: dk_weight_kind) throws {
    let engine = TestEngine(DK_BACKEND_OPENBLAS)
    dk_engine_use_sgemm(engine.pointer) { order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc in
      guard order == 101, transA == 111, transB == 112, alpha == 1, beta == 0, let a, let b, let c else { return }
      for row in 0..<Int(m) {
        for column in 0..<Int(n) {
          var sum = 0.0
          for i in 0..<Int(k) { sum += Double(a[row * Int(lda) + i]) * Double(b[column * Int(ldb) + i]) }
          c[row * Int(ldc) + column] = Float(sum)
        }
      }
    }
    for x in [DK_F32, DK_BF16] {
      var test = LinearCase(m: 131, n: 37, k: 29, kind: kind, x: x, activation: DK_ACT_GELU_ERF)
      (test.residual, test.gate, test.xPadding, test.outPadding) = (true, true, 3, 2)
      #expect(unitError(try #require(test.expected()), try #require(test.run(engine))) < 1e-12)
    }
  }

  /// The measure itself notices one wrong weight, a lost bias and swapped rows.
  @Test func mistakesAreNoticed() throws {
    let test = LinearCase(m: 10, n: 20, k: 30, activation: DK_ACT_GELU_TANH)
    let expected = try #require(test.expected())
    var other = test
    other.bias = false
    #expect(unitError(expected, try #require(other.run(TestEngine()))) > 1e-2)
    other = test
    other.activation = DK_ACT_GELU_ERF  // differs by 1e-3 at most
    #expect(unitError(expected, try #require(other.run(TestEngine()))) > 1e-9)
    other = test
    other.seed = 2
    #expect(unitError(expected, try #require(other.run(TestEngine()))) > 0.1)
  }
}
