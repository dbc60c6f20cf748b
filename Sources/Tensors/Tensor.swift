import DiTCKernels
import Foundation

/// A dense row-major array of float32 (or, between linears, bfloat16) numbers.
///
/// A `Tensor` is a view: copying the struct or calling ``reshaped(_:)`` shares the numbers, as in PyTorch.
/// Only kernels that say `into:` and the `with…` methods write to it.
///
/// `Sendable` by a rule that the types cannot state: a tensor is written by the session that made it, and once it belongs
/// to something loaded (weights, text states) by nobody.
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
  /// - Throws: ``BackendError/outOfMemory(_:)``.
  package init(_ shape: [Int], type: ElementType = .f32) throws {
    try self.init(shape, type: type, zeroed: true)
  }

  /// Room for results that a kernel writes in full; holds anything until then.
  package init(unfilled shape: [Int], type: ElementType) throws {
    try self.init(shape, type: type, zeroed: false)
  }

  private init(_ shape: [Int], type: ElementType, zeroed: Bool) throws {
    precondition(type == .f32 || type == .bf16, "tensors in memory are float32 or bfloat16")
    var bytes = type.size
    for side in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: side)
      guard !overflow, side >= 0 else { throw BackendError.outOfMemory("a tensor \(shape)") }
      bytes = product
    }
    self.init(shape, type: type, storage: try Storage(byteCount: bytes, zeroed: zeroed), offset: 0)
  }

  /// Numbers under a shape.
  /// - Throws: ``BackendError/shape(_:)`` where they do not fill it.
  package init(_ values: [Float], _ shape: [Int]) throws {
    guard values.count == shape.reduce(1, *) else { throw BackendError.shape("\(values.count) numbers for \(shape)") }
    try self.init(unfilled: shape, type: .f32)
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

  // MARK: views

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

  /// Numbers of this storage under any shape that it has room for.
  func view(_ shape: [Int], offset: Int) -> Tensor { Tensor(shape, type: type, storage: storage, offset: offset) }

  // MARK: numbers

  /// The first element; only for calls that keep the storage alive.
  package var pointer: UnsafeMutableRawPointer { storage.pointer + offset * type.size }

  var byteCount: Int { count * type.size }

  /// A copy that shares nothing.
  package func copy() throws -> Tensor {
    let result = try Tensor(unfilled: shape, type: type)
    withExtendedLifetime(storage) { _ = memcpy(result.pointer, pointer, byteCount) }
    return result
  }

  /// Writes these numbers over those of a tensor of the same count and type.
  /// - Returns: the target. Swift 6.3 loses the error register of a throwing function without a result that ends in
  ///   `memcpy`: the caller then finds an error that nobody threw.
  /// - Throws: ``BackendError/shape(_:)``.
  @discardableResult
  package func copy(into target: Tensor) throws -> Tensor {
    guard target.count == count, target.type == type else {
      throw BackendError.shape("a copy of \(shape) into \(target.shape)")
    }
    withExtendedLifetime((storage, target.storage)) { _ = memcpy(target.pointer, pointer, byteCount) }
    return target
  }

  /// Float32 numbers, for reading or writing. The tensor must be `.f32`.
  package func withFloats<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    precondition(type == .f32, "withFloats needs a float32 tensor")
    return try withExtendedLifetime(storage) {
      try body(UnsafeMutableBufferPointer(start: pointer.assumingMemoryBound(to: Float.self), count: count))
    }
  }

  /// The numbers as float32, copied.
  package var array: [Float] {
    if type == .f32 { return withFloats { Array($0) } }
    return [Float](unsafeUninitializedCapacity: count) { target, filled in
      target.baseAddress.map { read(0, count, into: $0) }
      filled = count
    }
  }

  /// `count` numbers from the `first` on as float32.
  private func read(_ first: Int, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    withExtendedLifetime(storage) {
      dk_to_f32(type == .f32 ? DK_STORED_F32 : DK_STORED_BF16, pointer + first * type.size, count, target)
    }
  }

  /// Columns of a row as float32, as many from `column` on as `target` has room for.
  package func read(row: Int, from column: Int = 0, into target: inout [Float]) {
    let count = target.count
    precondition(row >= 0 && row < rows && column >= 0 && column + count <= columns, "row \(row) of \(shape)")
    target.withUnsafeMutableBufferPointer { $0.baseAddress.map { read(row * columns + column, count, into: $0) } }
  }

  /// Several tensors of one inner shape and type, stacked along the first dimension.
  /// - Throws: ``BackendError/shape(_:)`` where they differ, or there is none.
  package static func concatenated(_ parts: [Tensor]) throws -> Tensor {
    guard let first = parts.first,
      parts.allSatisfy({ $0.shape.dropFirst() == first.shape.dropFirst() && $0.type == first.type })
    else { throw BackendError.shape("a stack of \(parts.map(\.shape))") }
    let result = try Tensor(
      unfilled: [parts.reduce(0) { $0 + $1.shape[0] }] + first.shape.dropFirst(), type: first.type)
    var at = 0
    for part in parts {
      try part.copy(into: result.slice(at, count: part.shape[0]))
      at += part.shape[0]
    }
    return result
  }
}
