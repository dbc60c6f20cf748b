import DiTCKernels
import Foundation

/// Memory that ends where an unmapped page begins: reading or writing behind it crashes the test.
final class GuardedMemory {
  let pointer: UnsafeMutableRawPointer
  let byteCount: Int
  private let mapping: UnsafeMutableRawPointer
  private let mapped: Int

  init(byteCount: Int) {
    let page = Int(getpagesize())
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
}

/// Rows in guarded memory: reading or writing one number too far ends the test run. The gaps between rows are NaN: reading them shows in the result, writing them in `gapsAreIntact`.
final class Rows {
  let rows: Int, columns: Int, stride: Int, type: dk_type
  private let memory: GuardedMemory
  private var data: UnsafeMutableRawPointer { memory.pointer }

  init(_ type: dk_type, _ rows: Int, _ columns: Int, gap: Int = 0, values: [Float]? = nil) {
    (self.rows, self.columns, stride, self.type) = (rows, columns, columns + gap, type)
    memory = GuardedMemory(byteCount: ((rows - 1) * stride + columns) * (type == DK_F32 ? 4 : 2))
    memset(memory.pointer, 0xff, memory.byteCount)
    if let values {
      precondition(values.count == rows * columns)
      for row in 0..<rows { for column in 0..<columns { self[row, column] = values[row * columns + column] } }
    }
  }

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
