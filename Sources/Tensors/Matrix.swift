import DiTCKernels

/// What an operation reads or writes: the rows of a tensor, or a range of their columns, as q, k and v lie in one fused
/// product. A range is checked when it is made, so that no operation can reach past a tensor.
package struct Matrix: Sendable {
  package let tensor: Tensor
  package let rows: Int
  package let columns: Int
  /// The first column, within the rows of the tensor.
  let start: Int

  /// All columns: [rows, columns] is the product of all dimensions but the last, and the last.
  package init(_ tensor: Tensor) {
    self.tensor = tensor
    (rows, columns, start) = (tensor.rows, tensor.columns, 0)
  }

  /// `count` columns from `start` of every row.
  /// - Throws: ``BackendError/shape(_:)`` where the rows are not that wide.
  package init(_ tensor: Tensor, from start: Int, count: Int) throws {
    guard start >= 0, count >= 0, start <= tensor.columns - count else {
      throw BackendError.shape("\(count) columns from \(start) of a tensor \(tensor.shape)")
    }
    self.tensor = tensor
    (rows, columns, self.start) = (tensor.rows, count, start)
  }

  init(tensor: Tensor, rows: Int, columns: Int, start: Int) {
    (self.tensor, self.rows, self.columns, self.start) = (tensor, rows, columns, start)
  }

  var type: ElementType { tensor.type }

  /// For the C kernels; only within calls that keep the tensor alive.
  var view: dk_rows {
    dk_rows(
      type: tensor.type == .f32 ? DK_F32 : DK_BF16, data: tensor.pointer + start * tensor.type.size, stride: tensor.columns)
  }
}

/// A tensor, or some of its columns.
package protocol MatrixOperand {
  var matrix: Matrix { get }
}

extension Matrix: MatrixOperand {
  package var matrix: Matrix { self }
}

extension Tensor: MatrixOperand {
  package var matrix: Matrix { Matrix(self) }
}
