extension Tensor {
  /// A matrix [rows, columns] as [columns, rows].
  package func transposed() throws -> Tensor {
    let turned = try Tensor([columns, rows])
    withFloats { from in
      turned.withFloats { to in
        for row in 0..<rows {
          for column in 0..<columns { to[column * rows + row] = from[row * columns + column] }
        }
      }
    }
    return turned
  }

  /// A matrix [rows, columns] as [columns, rows], to be packed.
  package func turned() throws -> StoredMatrix { try transposed().stored }

  /// A float32 matrix [rows, columns], to be packed.
  package var stored: StoredMatrix {
    StoredMatrix(rows: rows, columns: columns, type: type, bytes: pointer, owner: storage)
  }
}
