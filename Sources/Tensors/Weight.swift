import DiTCKernels

/// In what the matrix products are computed.
public enum Precision: String, Sendable, CaseIterable {
  /// bfloat16 where the CPU multiplies it fast, else twelve-bit integers where it does that, else float32.
  case auto
  /// float32.
  case f32
  /// bfloat16 products, summed in float32.
  case bf16
  /// Twelve-bit integers for weights (one scale a row) and activations (one scale a token), kept in 16 bits: as exact as
  /// bfloat16 nearly, and faster than float32 on processors without it.
  case int12
  /// int8 weights (one scale a row); activations of eight bits where the CPU has dot products of bytes, of twelve elsewhere.
  case int8
}

/// Memory that can give back what was read of it and get it again when it is asked for: a mapped file.
package protocol MappedMemory: AnyObject {
  /// The bytes will not be needed soon.
  func release(_ bytes: UnsafeRawBufferPointer)
}

/// A matrix as it lies in a file: `rows` × `columns`, row-major, any alignment. `owner` keeps the bytes alive.
///
/// `@unchecked Sendable`: the bytes are a file's, mapped for reading, or a copy that nobody writes.
package struct StoredMatrix: @unchecked Sendable {
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

  /// Some of its rows, sharing the numbers.
  package func rows(_ range: Range<Int>) -> StoredMatrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return StoredMatrix(
      rows: range.count, columns: columns, type: type, bytes: bytes + range.lowerBound * columns * type.size,
      scales: scales.map { Array($0[range]) }, owner: owner)
  }

  /// Gives the matrix's pages back to the system where they belong to a file, so that a model's numbers are not in memory
  /// twice, packed and as stored.
  package func release() {
    guard let memory = owner as? any MappedMemory else { return }
    memory.release(UnsafeRawBufferPointer(start: bytes, count: rows * columns * type.size))
  }

  /// Writes one row to `target` as `columns` float32 values.
  package func readRow(_ row: Int, into target: UnsafeMutablePointer<Float>) {
    readRows(row..<row + 1, into: target)
  }

  /// All rows as float32, `rows` · `columns` values.
  package func readAll(into target: UnsafeMutablePointer<Float>) { readRows(0..<rows, into: target) }

  private func readRows(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    let start = bytes + range.lowerBound * columns * type.size
    withExtendedLifetime(owner) {
      if type == .i8, let scales {
        let numbers = start.assumingMemoryBound(to: Int8.self)
        for row in 0..<range.count {
          dk_i8_to_f32(numbers + row * columns, scales[range.lowerBound + row], columns, target + row * columns)
        }
      } else if let stored = type.stored {
        dk_to_f32(stored, start, range.count * columns, target)
      }
    }
  }
}

/// A linear layer: W [out][in] packed once for the backend that made it, and an optional bias [out].
///
/// `@unchecked Sendable`: packed memory is written while the layer is made and only read afterwards; a layer that takes
/// turns with others (``Backend/inTurn(_:_:)``) lives in the call that packed it. What is made for gradients is made by the one
/// thread that a backend with a tape serves.
package final class Linear: @unchecked Sendable {
  package let outputs: Int
  package let inputs: Int
  package let bias: Tensor?
  /// What is being learnt beside the weights.
  package let adapter: Adapter?
  private let memory: PackedMatrix?
  /// Where its numbers are from, of a backend with a tape.
  private let sources: [StoredMatrix]
  private var turned: Linear?

  /// - Throws: ``BackendError/shape(_:)`` for a layer that has a shape alone.
  func packed() throws -> OpaquePointer {
    guard let memory else { throw BackendError.shape("a network that was listed, not loaded") }
    return memory.pointer
  }

  /// A layer of which only the shape is known; it cannot run.
  package convenience init(unpacked outputs: Int, _ inputs: Int, bias: Tensor?) {
    self.init(outputs: outputs, inputs: inputs, bias: bias, memory: nil)
  }

  init(
    outputs: Int, inputs: Int, bias: Tensor?, memory: PackedMatrix?, sources: [StoredMatrix] = [], adapter: Adapter? = nil
  ) {
    self.outputs = outputs
    self.inputs = inputs
    self.bias = bias
    self.memory = memory
    self.sources = sources
    self.adapter = adapter
  }

  /// Wᵀ without a bias, packed when it is first asked for: what takes gradients back.
  func turned(_ pack: ([StoredMatrix]) throws -> Linear) throws -> Linear {
    if let turned { return turned }
    let whole = try Tensor(unfilled: [outputs, inputs], type: .f32)
    var row = 0
    for source in sources {
      whole.withFloats { $0.baseAddress.map { source.readAll(into: $0 + row * inputs) } }
      row += source.rows
      source.release()
    }
    guard row == outputs else { throw BackendError.shape("a layer whose weights are not kept for gradients") }
    let result = try pack([whole.turned()])
    turned = result
    return result
  }

  /// Bytes the packed matrix takes.
  package var byteCount: Int { memory.map { dk_weight_bytes($0.pointer) } ?? 0 }
}

/// The memory of a packed matrix.
final class PackedMatrix {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { dk_weight_free(pointer) }
}

/// Linear layers of one shape that are used once in a while, one after the other: ``Backend/inTurn(_:_:)`` packs each from
/// its file into the memory of one, when its turn comes.
package struct LinearsInTurn: Sendable {
  package typealias Layer = (matrices: [StoredMatrix], bias: Tensor?, adapter: Adapter?)

  let layers: [Layer]
  let outputs: Int
  let inputs: Int

  init(_ layers: [Layer], outputs: Int, inputs: Int) {
    (self.layers, self.outputs, self.inputs) = (layers, outputs, inputs)
  }
}

/// A 3×3 convolution packed once for the backend that made it, and an optional bias [out].
///
/// `@unchecked Sendable`: packed memory that is only read.
package final class Convolution: @unchecked Sendable {
  package let outputs: Int
  package let inputs: Int
  package let bias: Tensor?
  private let memory: OpaquePointer?

  /// - Throws: ``BackendError/shape(_:)`` for a layer that has a shape alone.
  func packed() throws -> OpaquePointer {
    guard let memory else { throw BackendError.shape("a network that was listed, not loaded") }
    return memory
  }

  /// A layer of which only the shape is known; it cannot run.
  package convenience init(unpacked outputs: Int, _ inputs: Int, bias: Tensor?) {
    self.init(outputs: outputs, inputs: inputs, bias: bias, packed: nil)
  }

  init(outputs: Int, inputs: Int, bias: Tensor?, packed: OpaquePointer?) {
    self.outputs = outputs
    self.inputs = inputs
    self.bias = bias
    memory = packed
  }

  deinit { dk_convolution_free(memory) }
}
