// One harness for all kernels: an operation is a function of an engine that gives numbers or throws `NoMemory`, and is held
// against the reference on every backend, instruction set and number of threads, and with every allocation failing.
import DiTCKernels
import DiTCOpenBLAS
import Foundation
import Testing

typealias Operation = (OpaquePointer) throws -> [Float]

struct NoMemory: Error {}

/// Throws what a kernel returned.
func checked(_ status: dk_status) throws {
  if status == DK_OUT_OF_MEMORY { throw NoMemory() }
}

/// What was made; throws where it was not.
func made(_ pointer: OpaquePointer?) throws -> OpaquePointer {
  guard let pointer else { throw NoMemory() }
  return pointer
}

/// An instruction set, by name in the output of tests.
struct Level: CustomTestStringConvertible {
  let level: dk_cpu_level
  var testDescription: String { dk_cpu_level_name(level).map { String(cString: $0) } ?? "?" }

  /// Those this processor has.
  static let all = (DK_CPU_PORTABLE.rawValue..<DK_CPU_LEVELS.rawValue).map { Level(level: dk_cpu_level($0)) }
    .filter { dk_cpu_has($0.level) != 0 }
  /// Without the emulation of AMX, which is slow, and portable in all but products of bfloat16 and int8 weights.
  static let withoutEmulation = all.filter { !$0.isEmulated }

  var isEmulated: Bool { level == DK_CPU_AMX_EMULATED }
}

/// An engine that is destroyed with its last owner. Its pointer is only given out for calls that keep it alive: one taken
/// from a temporary object would be one to freed memory.
final class TestEngine {
  fileprivate let pointer: OpaquePointer

  init(_ backend: dk_backend = DK_BACKEND_NATIVE, threads: Int = 2, level: dk_cpu_level = DK_CPU_NATIVE) throws {
    pointer = try made(dk_engine_create(Int32(threads), backend, level))
    if backend == DK_BACKEND_OPENBLAS, let sgemm = copenblas_sgemm() { dk_engine_use_sgemm(pointer, sgemm) }
  }

  deinit { dk_engine_destroy(pointer) }

  func use<Result>(_ body: (OpaquePointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(pointer) }
  }
}

/// Engines that live as long as the tests.
enum Engines {
  private static let lock = NSLock()
  nonisolated(unsafe) private static var all: [String: TestEngine] = [:]

  static func get(_ backend: dk_backend, level: dk_cpu_level = DK_CPU_NATIVE, threads: Int = 2) throws -> OpaquePointer {
    try lock.withLock {
      let key = "\(backend.rawValue) \(level.rawValue) \(threads)"
      let engine = try all[key] ?? TestEngine(backend, threads: threads, level: level)
      all[key] = engine
      return engine.pointer
    }
  }
}

let f32Limit = 1e-11
let bf16Limit = 1.2e-5

/// What attention and convolution multiply.
enum Arithmetic: CaseIterable {
  case f32, bf16, levels
  /// Of what they read and write.
  var type: dk_type { self == .bf16 ? DK_BF16 : DK_F32 }
  var weights: dk_weight_kind {
    switch self {
    case .f32: DK_WEIGHT_F32
    case .bf16: DK_WEIGHT_BF16
    case .levels: DK_WEIGHT_INT12
    }
  }
  var limit: Double {
    switch self {
    case .f32: f32Limit
    case .bf16: bf16Limit
    case .levels: 3e-6
    }
  }
}

/// Holds every engine against the reference: numbers, and bits over thread counts.
/// - Parameters:
///   - floor: energy added a number: a lone output near zero must not blow the ratio up.
///   - tiles: whether AMX has tiles for it; else its emulation is left out.
func holdAgainstReference(
  _ label: @autoclosure () -> String, limit: Double, floor: Double = 0, openBLAS: Bool = true, tiles: Bool = false,
  location: SourceLocation = #_sourceLocation, _ operation: Operation
) throws {
  let expected = try operation(Engines.get(DK_BACKEND_REFERENCE))
  #expect(expected.contains { $0 != 0 }, "\(label()): the reference is all zeros", sourceLocation: location)
  for backend in [DK_BACKEND_NATIVE, DK_BACKEND_OPENBLAS] {
    if backend == DK_BACKEND_OPENBLAS && (!openBLAS || copenblas_sgemm() == nil) { continue }
    for level in tiles && backend == DK_BACKEND_NATIVE ? Level.all : Level.withoutEmulation {
      let name = "backend \(backend.rawValue), \(level.testDescription)"
      let actual = try operation(Engines.get(backend, level: level.level, threads: 1))
      let error = unitError(expected, actual, floor: floor)
      #expect(error <= limit, "\(label()), \(name): NMSE \(error)", sourceLocation: location)
      for threads in [2, 4] {
        let same = sameBits(try operation(Engines.get(backend, level: level.level, threads: threads)), actual)
        #expect(same, "\(label()), \(name): other bits with \(threads) threads", sourceLocation: location)
      }
    }
  }
}

/// Lets the first, the second, … allocation fail: the operation must say so or give the right bits, and after a failure the
/// engine must work as if there had been none.
/// - Parameters:
///   - allocates: whether there must be a failure at all, on every backend.
///   - tiles: as above.
func holdWithoutMemory(
  _ label: String, allocates: Bool = true, tiles: Bool = false, location: SourceLocation = #_sourceLocation, _ operation: Operation
) throws {
  for backend in [DK_BACKEND_REFERENCE, DK_BACKEND_NATIVE, DK_BACKEND_OPENBLAS] {
    if backend == DK_BACKEND_OPENBLAS && copenblas_sgemm() == nil { continue }
    let levels = tiles && backend == DK_BACKEND_NATIVE ? Level.all : Level.withoutEmulation
    for level in backend == DK_BACKEND_REFERENCE ? Array(levels.prefix(1)) : levels {
      let expected = try TestEngine(backend, threads: 3, level: level.level).use(operation)
      var failures = 0
      for n in 1... {
        let engine = try TestEngine(backend, threads: 3, level: level.level), before = dk_allocations()
        dk_fail_allocation(n)
        let result = Result { try engine.use(operation) }
        dk_fail_allocation(0)
        let asked = dk_allocations() - before
        if case .success(let numbers) = result {
          #expect(sameBits(numbers, expected), "\(label): wrong numbers without allocation \(n)", sourceLocation: location)
        } else {
          failures += 1
        }
        #expect(try sameBits(engine.use(operation), expected), "\(label) after failure \(n)", sourceLocation: location)
        if asked < n { break }
      }
      #expect(allocates ? 1..<50 ~= failures : failures == 0, "\(label): \(failures) failures", sourceLocation: location)
    }
  }
}

/// Σ(a−b)² / (Σa² + floor · count). Infinite where anything is not a number.
func unitError(_ expected: [Float], _ actual: [Float], floor: Double = 1) -> Double {
  guard expected.count == actual.count else { return .infinity }
  var error = 0.0, energy = floor * Double(expected.count)
  for (a, b) in zip(expected, actual) {
    error += (Double(a) - Double(b)) * (Double(a) - Double(b))
    energy += Double(a) * Double(a)
  }
  return error.isFinite ? error / max(energy, 1e-300) : .infinity
}

func sameBits(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Bool {
  a.elementsEqual(b) { $0.bitPattern == $1.bitPattern }
}
