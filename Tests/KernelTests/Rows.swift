import DiTCKernels
import DiTCOpenBLAS
import Foundation
import DiTTensors
import Testing

/// The same numbers on every run.
struct Numbers {
  var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// Uniform with mean 0 and variance 1, rounded to bfloat16, so that both types hold the same numbers.
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let uniform = Float(state >> 40) / Float(1 << 24) * 2 - 1
    return Float(bitPattern: (uniform * 1.7320508).bitPattern & 0xffff_0000)
  }
  mutating func array(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in next() * scale } }
}

/// Rows whose last number lies at the end of a page that nothing may touch what follows: reading or writing one number too
/// far ends the test run. The gaps between rows are NaN: reading them shows in the result, writing them in `gapsAreIntact`.
final class Rows {
  let rows: Int, columns: Int, stride: Int, type: dk_type
  private let pages: UnsafeMutableRawPointer, byteCount: Int, data: UnsafeMutableRawPointer

  init(_ type: dk_type, _ rows: Int, _ columns: Int, gap: Int = 0, values: [Float]? = nil) {
    (self.rows, self.columns, stride, self.type) = (rows, columns, columns + gap, type)
    let size = type == DK_F32 ? 4 : 2, page = 4096
    let used = ((rows - 1) * stride + columns) * size
    byteCount = (used + page - 1) / page * page + page
    pages = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    mprotect(pages + byteCount - page, page, PROT_NONE)
    data = pages + byteCount - page - used
    memset(data, 0xff, used)
    if let values {
      precondition(values.count == rows * columns)
      for row in 0..<rows { for column in 0..<columns { self[row, column] = values[row * columns + column] } }
    }
  }
  deinit { munmap(pages, byteCount) }

  subscript(row: Int, column: Int) -> Float {
    get {
      let at = row * stride + column
      if type == DK_F32 { return data.assumingMemoryBound(to: Float.self)[at] }
      return Float(bitPattern: UInt32(data.assumingMemoryBound(to: UInt16.self)[at]) << 16)
    }
    set {
      let at = row * stride + column
      if type == DK_F32 {
        data.assumingMemoryBound(to: Float.self)[at] = newValue
      } else {
        var value = newValue
        dk_from_f32(DK_STORED_BF16, &value, 1, data + 2 * at)
      }
    }
  }

  var view: dk_rows { dk_rows(type: type, data: data, stride: stride) }
  /// From a row and column on.
  func view(row: Int, column: Int = 0) -> dk_rows {
    dk_rows(type: type, data: data + (row * stride + column) * (type == DK_F32 ? 4 : 2), stride: stride)
  }
  var floats: UnsafeMutablePointer<Float> { data.assumingMemoryBound(to: Float.self) }
  var array: [Float] { (0..<rows).flatMap { row in (0..<columns).map { self[row, $0] } } }
  var gapsAreIntact: Bool {
    (0..<rows - 1).allSatisfy { row in (columns..<stride).allSatisfy { self[row, $0].bitPattern | 0xffff == 0xffff_ffff } }
  }
}

/// Engines live as long as the tests: a pointer taken from a temporary object would be one to freed memory.
enum Engines {
  static let levels = [DK_CPU_PORTABLE, DK_CPU_AVX2, DK_CPU_AVX512].filter { $0.rawValue <= dk_cpu_best_level().rawValue }
  private static let lock = NSLock()
  nonisolated(unsafe) private static var made: [String: OpaquePointer] = [:]

  static func get(_ backend: dk_backend, level: dk_cpu_level = DK_CPU_AVX512, threads: Int32 = 2) -> OpaquePointer {
    lock.withLock {
      let key = "\(backend.rawValue) \(level.rawValue) \(threads)"
      if let engine = made[key] { return engine }
      let engine = dk_engine_create(threads, backend, level)!
      if backend == DK_BACKEND_OPENBLAS, let sgemm = copenblas_sgemm() { dk_engine_use_sgemm(engine, sgemm) }
      made[key] = engine
      return engine
    }
  }
}

let f32Limit = 1e-11
let bf16Limit = 1.2e-5

/// Holds every engine against the reference: numbers, and bits over thread counts.
func holdAgainstReference(
  _ label: String, limit: Double, openBLAS: Bool = true, location: SourceLocation = #_sourceLocation,
  _ body: (OpaquePointer) -> [Float]
) {
  let expected = body(Engines.get(DK_BACKEND_REFERENCE))
  #expect(expected.contains { $0 != 0 }, "\(label): the reference is all zeros", sourceLocation: location)
  var kinds = Engines.levels.map { (DK_BACKEND_NATIVE, $0) }
  if openBLAS && copenblas_sgemm() != nil { kinds += Engines.levels.map { (DK_BACKEND_OPENBLAS, $0) } }
  for (backend, level) in kinds {
    let name = "backend \(backend.rawValue) level \(level.rawValue)"
    let actual = body(Engines.get(backend, level: level, threads: 1))
    let comparison = Comparison(expected: expected, actual: actual)
    #expect(comparison.nmse <= limit, "\(label), \(name): NMSE \(comparison.nmse)", sourceLocation: location)
    for threads: Int32 in [2, 4] {
      let same = sameBits(body(Engines.get(backend, level: level, threads: threads)), actual)
      #expect(same, "\(label), \(name): other bits with \(threads) threads", sourceLocation: location)
    }
  }
}

func sameBits(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Bool {
  a.elementsEqual(b) { $0.bitPattern == $1.bitPattern }
}
