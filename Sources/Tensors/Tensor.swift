import DiTCKernels
import Foundation

/// A dense row-major array of float32 (or, between linears, bfloat16) numbers.
///
/// A `Tensor` is a view: copying the struct or calling ``reshaped(_:)`` shares the numbers, as in PyTorch.
/// Only kernels that say `into:` and the `with…` methods write to it.
package struct Tensor: @unchecked Sendable {
  package let shape: [Int]
  /// `.f32` or `.bf16`.
  package let type: ElementType
  package let storage: Storage
  /// First element, counted from the start of the storage.
  package let offset: Int

  package var count: Int { shape.reduce(1, *) }
  /// Product of all dimensions but the last.
  package var rows: Int { shape.dropLast().reduce(1, *) }
  /// The last dimension.
  package var columns: Int { shape.last ?? 1 }

  /// Zeros.
  package init(_ shape: [Int], type: ElementType = .f32) {
    self.init(shape, type: type, zeroed: true)
  }

  /// Room for results that a kernel writes in full; holds anything until then.
  package init(unfilled shape: [Int], type: ElementType) {
    self.init(shape, type: type, zeroed: false)
  }

  private init(_ shape: [Int], type: ElementType, zeroed: Bool) {
    precondition(type == .f32 || type == .bf16, "tensors in memory are float32 or bfloat16")
    let storage = Storage(byteCount: shape.reduce(1, *) * type.size, zeroed: zeroed)
    self.init(shape, type: type, storage: storage, offset: 0)
  }

  package init(_ values: [Float], _ shape: [Int]) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values do not fill \(shape)")
    self.init(shape)
    withFloats { target in
      for (index, value) in values.enumerated() { target[index] = value }
    }
  }

  private init(_ shape: [Int], type: ElementType, storage: Storage, offset: Int) {
    self.shape = shape
    self.type = type
    self.storage = storage
    self.offset = offset
  }

  /// The same numbers under another shape of the same count.
  package func reshaped(_ shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "\(self.shape) cannot be seen as \(shape)")
    return Tensor(shape, type: type, storage: storage, offset: offset)
  }

  /// `count` entries of the first dimension from `start`, sharing the numbers.
  package func slice(_ start: Int, count: Int) -> Tensor {
    precondition(start >= 0 && count >= 0 && start + count <= shape[0], "slice out of range")
    let inner = shape.dropFirst().reduce(1, *)
    return Tensor([count] + shape.dropFirst(), type: type, storage: storage, offset: offset + start * inner)
  }

  /// A copy that shares nothing.
  package func copy() -> Tensor {
    let result = Tensor(shape, type: type)
    memcpy(result.storage.pointer, storage.pointer + offset * type.size, count * type.size)
    return result
  }

  /// Float32 numbers, for reading or writing. The tensor must be `.f32`.
  package func withFloats<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    precondition(type == .f32, "withFloats needs a float32 tensor")
    return try withExtendedLifetime(storage) {
      let start = (storage.pointer + offset * 4).assumingMemoryBound(to: Float.self)
      return try body(UnsafeMutableBufferPointer(start: start, count: count))
    }
  }

  /// The numbers as float32, copied.
  package var array: [Float] {
    if type == .f32 { return withFloats { Array($0) } }
    return [Float](unsafeUninitializedCapacity: count) { target, filled in
      if let base = target.baseAddress {
        dk_to_f32(DK_STORED_BF16, storage.pointer + offset * type.size, count, base)
      }
      filled = count
    }
  }

  /// Several tensors of one inner shape, stacked along the first dimension.
  package static func concatenated(_ parts: [Tensor]) -> Tensor {
    precondition(!parts.isEmpty, "nothing to concatenate")
    let result = Tensor([parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst(), type: parts[0].type)
    var at = 0
    for part in parts {
      precondition(part.shape.dropFirst() == parts[0].shape.dropFirst() && part.type == result.type)
      let bytes = part.count * part.type.size
      memcpy(result.storage.pointer + at, part.storage.pointer + part.offset * part.type.size, bytes)
      at += bytes
    }
    return result
  }

  /// The view the C kernels take: `columns` numbers a row unless a column range of wider rows is meant.
  func rowsView(column: Int = 0) -> dk_rows {
    dk_rows(
      type: type == .f32 ? DK_F32 : DK_BF16, data: storage.pointer + (offset + column) * type.size,
      stride: columns)
  }
}

/// Is shown intermediate tensors by name as a model computes them; copies what it wants to keep.
package typealias Observer = (String, Tensor) -> Void
