import DiTCKernels

/// In what the matrix products are computed.
package enum Precision: String, Sendable, CaseIterable {
  /// bfloat16 where the CPU has it, else float32.
  case auto
  case f32
  case bf16
  /// int8 weights (one scale a row) and activations (one scale a token).
  case int8
}

/// Memory that can give back what was read of it and get it again when it is asked for: a mapped file.
package protocol MappedMemory: AnyObject {
  /// The bytes will not be needed soon.
  func release(_ bytes: UnsafeRawBufferPointer)
}

/// A matrix as it lies in a file: `rows` × `columns`, row-major, any alignment. `owner` keeps the bytes alive.
package struct StoredMatrix {
  package let rows: Int
  package let columns: Int
  package let type: ElementType
  package let bytes: UnsafeRawPointer
  /// For `.i8`: one scale a row.
  package let scales: [Float]?
  package let owner: AnyObject

  package init(
    rows: Int, columns: Int, type: ElementType, bytes: UnsafeRawPointer, scales: [Float]? = nil,
    owner: AnyObject
  ) {
    self.rows = rows
    self.columns = columns
    self.type = type
    self.bytes = bytes
    self.scales = scales
    self.owner = owner
  }

  /// Gives the matrix's pages back to the system where they belong to a file, so that a model's numbers are not in memory
  /// twice, packed and as stored.
  package func release() {
    guard let memory = owner as? any MappedMemory else { return }
    memory.release(UnsafeRawBufferPointer(start: bytes, count: rows * columns * type.size))
  }

  /// One row as float32, appended to nothing: `columns` numbers written to `target`.
  package func readRow(_ row: Int, into target: UnsafeMutablePointer<Float>) {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    let start = bytes + row * columns * type.size
    withExtendedLifetime(owner) {
      if type == .i8, let scales {
        dk_i8_to_f32(start.assumingMemoryBound(to: Int8.self), scales[row], columns, target)
      } else if let stored = type.stored {
        dk_to_f32(stored, start, columns, target)
      }
    }
  }
}

/// A linear layer: W [out][in] packed once for the backend that made it, and an optional bias [out].
package final class Linear: @unchecked Sendable {
  package let outputs: Int
  package let inputs: Int
  package let bias: Tensor?
  private let memory: PackedMatrix
  var packed: OpaquePointer { memory.pointer }

  init(outputs: Int, inputs: Int, bias: Tensor?, memory: PackedMatrix) {
    self.outputs = outputs
    self.inputs = inputs
    self.bias = bias
    self.memory = memory
  }

  /// Bytes the packed matrix takes.
  package var byteCount: Int { dk_weight_bytes(packed) }
}

/// The memory of a packed matrix.
final class PackedMatrix {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { dk_weight_free(pointer) }
}

/// Linear layers of one shape that are used once in a while, one after the other: they take turns in the memory of one,
/// and are packed from their file whenever their turn comes.
package final class LinearsInTurn: @unchecked Sendable {
  package let count: Int
  let layers: [(matrices: [StoredMatrix], bias: Tensor?)]
  let outputs: Int
  let inputs: Int
  let memory: PackedMatrix

  init(_ layers: [(matrices: [StoredMatrix], bias: Tensor?)], outputs: Int, inputs: Int, memory: PackedMatrix) {
    count = layers.count
    (self.layers, self.outputs, self.inputs, self.memory) = (layers, outputs, inputs, memory)
  }
}

/// A 3×3 convolution packed once for the backend that made it, and an optional bias [out].
package final class Convolution: @unchecked Sendable {
  package let outputs: Int
  package let inputs: Int
  package let bias: Tensor?
  let packed: OpaquePointer

  init(outputs: Int, inputs: Int, bias: Tensor?, packed: OpaquePointer) {
    self.outputs = outputs
    self.inputs = inputs
    self.bias = bias
    self.packed = packed
  }

  deinit { dk_convolution_free(packed) }
}
