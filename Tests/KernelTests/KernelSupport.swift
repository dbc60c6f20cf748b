import DiTCKernels
import Foundation
import DiTTensors
import Testing

/// A CPU to compute as: a level, and whether its dot-product instructions (avx512_bf16, VNNI) are used.
struct CPU: CustomTestStringConvertible {
  var level: dk_cpu_level
  var dotProducts = true

  var testDescription: String {
    ["portable", "AVX2", "AVX-512"][Int(level.rawValue)] + (dotProducts ? "" : " without dot products")
  }

  static let best = CPU(level: DK_CPU_AVX512)
  /// Every CPU that this one can stand for.
  static let all = [
    CPU(level: DK_CPU_PORTABLE), CPU(level: DK_CPU_AVX2), CPU(level: DK_CPU_AVX2, dotProducts: false),
    CPU(level: DK_CPU_AVX512), CPU(level: DK_CPU_AVX512, dotProducts: false),
  ].filter { $0.level.rawValue <= dk_cpu_best_level().rawValue }
}

/// An engine that is destroyed with its last owner.
final class TestEngine {
  let pointer: OpaquePointer

  init(_ backend: dk_backend = DK_BACKEND_NATIVE, threads: Int = 2, cpu: CPU = .best) {
    pointer = dk_engine_create(Int32(threads), backend, cpu.level)
    if !cpu.dotProducts { dk_engine_avoid_dot_products(pointer) }
  }

  deinit { dk_engine_destroy(pointer) }

  /// A packed matrix [n][k]; the sources' rows add up to n.
  func pack(_ kind: dk_weight_kind, _ n: Int, _ k: Int, _ sources: [dk_source]) -> OpaquePointer? {
    guard let weight = dk_weight_create(pointer, kind, n, k) else { return nil }
    dk_weight_fill(pointer, weight, sources)
    return weight
  }
}

/// Memory that ends where an unmapped page begins: reading or writing behind it crashes the test.
final class GuardedMemory {
  let pointer: UnsafeMutableRawPointer
  let byteCount: Int
  private let mapping: UnsafeMutableRawPointer
  private let mapped: Int

  init(byteCount: Int) {
    let page = 4096
    self.byteCount = byteCount
    mapped = (byteCount + page - 1) / page * page + page
    mapping = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mprotect(mapping + (mapped - page), page, PROT_NONE)
    pointer = mapping + (mapped - page - byteCount)
  }

  convenience init(_ values: [Float], as type: dk_stored = DK_STORED_F32) {
    self.init(byteCount: values.count * (type == DK_STORED_F64 ? 8 : type == DK_STORED_F32 ? 4 : 2))
    dk_from_f32(type, values, values.count, pointer)
  }

  convenience init(levels: [Int8]) {
    self.init(byteCount: levels.count)
    levels.withUnsafeBytes { pointer.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
  }

  deinit { munmap(mapping, mapped) }

  var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

  func array(_ count: Int, of type: dk_type) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { target, filled in
      dk_to_f32(type == DK_F32 ? DK_STORED_F32 : DK_STORED_BF16, pointer, count, target.baseAddress!)
      filled = count
    }
  }
}

/// SplitMix64: the same numbers on every run.
struct TestRandom: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Uniform numbers of mean 0 and the given deviation.
  mutating func floats(_ count: Int, deviation: Float = 1) -> [Float] {
    let bound = deviation * 3.0.squareRoot().asFloat
    return (0..<count).map { _ in Float.random(in: -bound...bound, using: &self) }
  }
}

extension Double {
  fileprivate var asFloat: Float { Float(self) }
}

extension dk_type {
  var stored: dk_stored { self == DK_F32 ? DK_STORED_F32 : DK_STORED_BF16 }
}

/// Σ(a−b)² / (Σa² + count): outputs here are of unit size, and a lone one near zero must not blow the ratio up.
/// Infinite where anything is not a number.
func unitError(_ expected: [Float], _ actual: [Float]) -> Double {
  guard expected.count == actual.count else { return .infinity }
  var error = 0.0, energy = Double(expected.count)
  for (a, b) in zip(expected, actual) {
    error += (Double(a) - Double(b)) * (Double(a) - Double(b))
    energy += Double(a) * Double(a)
  }
  return error.isFinite ? error / energy : .infinity
}
