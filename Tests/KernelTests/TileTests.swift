import DiTCKernels
import Foundation
import Testing

/// The tile instructions of AMX, where the processor has them, and their emulation: both have the bits of the model below.
@Suite struct TileTests {
  static let levels = [DK_CPU_AVX512_AMX, DK_CPU_AMX_EMULATED].filter { dk_cpu_has($0) != 0 }.map(Level.init)

  /// So that the log says what the tests of all levels have seen.
  @Test func theLogSaysWhichTilesAreTested() {
    let hardware = dk_cpu_has(DK_CPU_AVX512_AMX) != 0
    print(hardware ? "AMX: tested on this processor, and its emulation" : "AMX: not on this processor, tested by its emulation")
    #expect(dk_cpu_has(DK_CPU_AMX_EMULATED) == 1)
  }

  /// Denormal numbers are zeros.
  private static func flushed(_ x: Float) -> Float { x.isSubnormal ? (x.sign == .minus ? -0.0 : 0) : x }

  /// Of 32 places the even ones have a chain of fused multiply-adds from zero, and so have the odd ones. Their sum is added
  /// to that of the places before.
  private static func product(_ x: ArraySlice<Float>, _ w: ArraySlice<Float>) -> Float {
    var sum: Float = 0
    for start in stride(from: 0, to: x.count, by: 32) {
      var chains: [Float] = [0, 0]
      for i in start..<start + 32 {
        let (a, b) = (flushed(x[x.startIndex + i]), flushed(w[w.startIndex + i]))
        chains[i % 2] = flushed(chains[i % 2].addingProduct(a, b))
      }
      sum = flushed(sum + flushed(chains[0] + chains[1]))
    }
    return sum
  }

  /// Bits of bfloat16: what their exponents begin with, and how many follow.
  enum Kind: CaseIterable {
    case ordinary, small, nearTheSmallestNormal, overflowing, any
    var exponents: ClosedRange<UInt32> {
      switch self {
      case .ordinary: 120...129
      case .small: 0...127
      case .nearTheSmallestNormal: 58...69
      case .overflowing: 180...199
      case .any: 0...255
      }
    }
  }

  @Test(arguments: levels, Kind.allCases)
  func productsOfBFloat16AreExact(level: Level, kind: Kind) throws {
    var random = TestRandom(7)
    let (m, n, k) = (20, 64, 96)
    func numbers(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        let exponent = UInt32.random(in: kind.exponents, using: &random) << 23
        return Float(bitPattern: UInt32.random(in: 0...0xffff, using: &random) << 16 & 0x807f_0000 | exponent)
      }
    }
    let x = numbers(m * k), w = numbers(n * k)
    let stored = GuardedMemory(w, as: DK_STORED_BF16), rows = Rows(DK_BF16, m, k, values: x), out = Rows(DK_F32, m, n)
    let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
    let source = dk_source(type: DK_STORED_BF16, rows: n, data: stored.pointer, scales: nil)
    let packed = try pack(engine, DK_WEIGHT_BF16, n, k, [source])
    defer { dk_weight_free(packed) }
    try checked(dk_linear(engine, m, rows.view, packed, nil, out.view))
    for i in 0..<m {
      for j in 0..<n {
        let expected = Self.product(x[i * k..<(i + 1) * k], w[j * k..<(j + 1) * k])
        #expect(out[i, j].bitPattern == expected.bitPattern || (out[i, j].isNaN && expected.isNaN), "\(i), \(j)")
      }
    }
  }

  @Test(arguments: levels)
  func productsOfBytesAreExact(level: Level) throws {
    var random = TestRandom(8)
    let (m, n, k) = (20, 64, 200)
    // With a 127 in each row its scale is 1.
    func levels(_ count: Int) -> [Int8] { (0..<count).map { $0 % k == 0 ? 127 : .random(in: -127...127, using: &random) } }
    let x = levels(m * k), w = levels(n * k)
    let stored = GuardedMemory(levels: w), scales = Rows(DK_F32, 1, n, values: Array(repeating: 1, count: n))
    let rows = Rows(DK_BF16, m, k, values: x.map(Float.init)), out = Rows(DK_F32, m, n)
    let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
    let source = dk_source(type: DK_STORED_I8, rows: n, data: stored.pointer, scales: scales.floats)
    let packed = try pack(engine, DK_WEIGHT_INT8, n, k, [source])
    defer { dk_weight_free(packed) }
    try checked(dk_linear(engine, m, rows.view, packed, nil, out.view))
    for i in 0..<m {
      for j in 0..<n {
        let expected = (0..<k).reduce(0) { $0 + Int(x[i * k + $1]) * Int(w[j * k + $1]) }
        #expect(out[i, j] == Float(expected), "\(i), \(j)")
      }
    }
  }

  /// Weights too large for the second cache, in other blocks, with rows so long that they come in parts of k. The numbers
  /// are made once: random ones take longer than all else in a debug build.
  final class LargeCase {
    let kind: dk_weight_kind, m: Int, n = 290, k = 5000, rowsPerGroup = 3
    private let weights: GuardedMemory, x: Rows, before: Rows, gates: Rows, bias: Rows

    init(_ kind: dk_weight_kind, m: Int) {
      (self.kind, self.m) = (kind, m)
      var random = TestRandom(9)
      let few = random.floats(997), n = n, k = k
      let all = (0..<n * k).map { few[$0 % 997] * 0.014 }
      weights = GuardedMemory(all, as: DK_STORED_BF16)
      x = Rows(DK_BF16, m, k, values: (0..<m * k).map { few[$0 % 991] })
      before = Rows(DK_F32, m, n, values: (0..<m * n).map { few[$0 % 983] })
      gates = Rows(DK_F32, (m - 1) / rowsPerGroup + 1, n, values: (0..<((m - 1) / rowsPerGroup + 1) * n).map { few[$0 % 977] })
      bias = Rows(DK_F32, 1, n, values: Array(few[..<n]))
    }

    /// Rows from `first` on, the first of a group.
    func run(_ engine: OpaquePointer, rows: Int? = nil, first: Int = 0) throws -> [Float] {
      let source = dk_source(type: DK_STORED_BF16, rows: n, data: weights.pointer, scales: nil), count = rows ?? m
      let packed = try pack(engine, kind, n, k, [source]), out = Rows(DK_F32, count, n)
      defer { dk_weight_free(packed) }
      memcpy(out.floats, before.floats + first * n, count * n * 4)
      var epilogue = dk_epilogue(
        bias: bias.floats, activation: DK_ACT_NONE, residual: 1, gate: gates.floats + first / rowsPerGroup * n, gate_stride: n,
        rows_per_group: rowsPerGroup)
      try checked(dk_linear(engine, count, x.view(row: first), packed, &epilogue, out.view))
      return Array(UnsafeBufferPointer(start: out.floats, count: count * n))
    }
  }

  @Test(arguments: levels, [DK_WEIGHT_BF16, DK_WEIGHT_INT8])
  func largeWeightsAgreeWithReference(level: Level, kind: dk_weight_kind) throws {
    let test = LargeCase(kind, m: 70), expected = try test.run(Engines.get(DK_BACKEND_REFERENCE))
    let actual = try test.run(Engines.get(DK_BACKEND_NATIVE, level: level.level, threads: 1))
    #expect(unitError(expected, actual, floor: 1) < (kind == DK_WEIGHT_BF16 ? 1e-9 : 1e-4))
    for threads in [2, 4] {
      let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level, threads: threads)
      #expect(try sameBits(test.run(engine), actual))
      for (first, count) in [(0, 33), (6, 1), (66, 4)] {
        let some = try test.run(engine, rows: count, first: first)
        #expect(sameBits(some, actual[first * test.n..<(first + count) * test.n]))
      }
    }
  }
}
