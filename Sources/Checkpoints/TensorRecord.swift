import Foundation
import DiTTensors

/// Where a tensor lies in its file, and how to read it. The file stays mapped as long as a record of it lives.
package struct TensorRecord: Sendable {
  /// The name it is looked up by.
  package internal(set) var name: TensorName
  /// The name the file gives it; differs from ``name`` in a renamed or scoped checkpoint.
  package let storedName: TensorName
  package let type: ElementType
  package private(set) var shape: [Int]
  /// Elements from one index to the next, per dimension; nil where the numbers are dense and row-major.
  package let strides: [Int]?
  package let file: MappedFile
  /// From the first to the last byte of the tensor in the file.
  package private(set) var byteRange: Range<Int>
  /// What adapters change of it when it is read as weights.
  var merge: WeightMerge?
  /// Whether its bytes in the file are not all: it has to be read by ``Checkpoint/matrix(_:rows:columns:)``.
  package var isMerged: Bool { merge != nil }

  /// The readers have checked that the range lies in the file and that the shape fits it: no later sum overflows.
  init(
    name: TensorName, type: ElementType, shape: [Int], strides: [Int]? = nil, file: MappedFile, byteRange: Range<Int>
  ) {
    self.name = name
    storedName = name
    self.type = type
    self.shape = shape
    self.strides = strides
    self.file = file
    self.byteRange = byteRange
  }

  /// `count` of its rows as a tensor of their own, the `part`th so many.
  func rows(_ count: Int, part: Int, name: TensorName) -> TensorRecord {
    var result = self
    (result.name, result.shape[0]) = (name, count)
    let row = strides?.first ?? shape.dropFirst().reduce(1, *)
    let start = byteRange.lowerBound + part * count * row * type.size
    result.byteRange = start..<(strides == nil ? start + count * row * type.size : byteRange.upperBound)
    return result
  }

  /// Number of elements.
  package var count: Int { shape.reduce(1, *) }

  /// The row-major numbers: a place in the mapped file, at any alignment, or a copy if the file holds them strided.
  /// Valid as long as `owner` lives.
  package func contiguous() throws -> (bytes: UnsafeRawPointer, owner: AnyObject) {
    if strides == nil, let base = file.bytes.baseAddress { return (base + byteRange.lowerBound, file) }
    let storage = try Storage(byteCount: count * type.size)
    if let base = file.bytes.baseAddress, let strides, count > 0 {
      var target = storage.pointer
      gather(base + byteRange.lowerBound, &target, dimension: 0, strides: strides)
    }
    return (UnsafeRawPointer(storage.pointer), storage)
  }

  /// Copies in row-major order; as deep as the rank, which the pickle reader limits.
  private func gather(
    _ source: UnsafeRawPointer, _ target: inout UnsafeMutableRawPointer, dimension: Int, strides: [Int]
  ) {
    guard dimension < shape.count else {
      memcpy(target, source, type.size)
      target += type.size
      return
    }
    for index in 0..<shape[dimension] {
      gather(source + index * strides[dimension] * type.size, &target, dimension: dimension + 1, strides: strides)
    }
  }
}

/// The bytes of a dense tensor, or nil where that overflows.
///
/// Zero dimensions count as one here, so that no product of some of the dimensions can overflow later either.
func checkedByteCount(shape: [Int], type: ElementType) -> Int? {
  var product = type.size
  var empty = false
  for dimension in shape {
    guard dimension >= 0 else { return nil }
    if dimension == 0 { empty = true }
    let (next, overflow) = product.multipliedReportingOverflow(by: max(1, dimension))
    guard !overflow else { return nil }
    product = next
  }
  return empty ? 0 : product
}

/// A shape for a message: the rank is whatever the file says.
func brief(_ shape: [Int]) -> String {
  shape.count <= 8 ? "\(shape)" : "[\(shape.prefix(8).map(String.init).joined(separator: ", ")), …]"
}
