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
  package func turned() throws -> StoredMatrix {
    let turned = try transposed()
    return StoredMatrix(rows: columns, columns: rows, type: .f32, bytes: turned.pointer, owner: turned.storage)
  }
}
