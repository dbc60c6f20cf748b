import Foundation
import DiTTensors

/// The changes of one stored matrix, made when it is read: in float32, rounded once to the type it is stored in, int8 with a
/// new scale for each row.
struct WeightMerge: Sendable {
  /// What an adapter changes, and how much of that is wanted.
  struct Change: Sendable {
    let layer: LoRALayer
    let scale: Float
    /// Rows of the stored matrix, and the first of the layer that belongs there.
    let rows: Range<Int>
    let first: Int
    let location: String
  }

  private(set) var changes: [Change] = []

  mutating func add(_ change: Change) { changes.append(change) }

  /// - Throws: ``LoRAError`` where a number of the result is not finite in its type.
  func merged(_ matrix: StoredMatrix) throws -> StoredMatrix {
    let running = try changes.map(RunningChange.init)
    let storage = try Storage(byteCount: matrix.rows * matrix.columns * matrix.type.size, zeroed: false)
    var scales = matrix.scales
    var row = [Float](repeating: 0, count: matrix.columns)
    var delta = row
    let limit: Float = matrix.type == .f16 ? 65_504 : matrix.type == .bf16 ? 0x1.FEp127 : .greatestFiniteMagnitude
    for index in 0..<matrix.rows {
      let target = storage.pointer + index * matrix.columns * matrix.type.size
      row.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { matrix.readRow(index, into: start) } }
      for change in running where change.rows.contains(index) { change.apply(to: &row, index, &delta) }
      // Beyond it, rounding would make infinity of them. NaN is not below anything.
      guard row.allSatisfy({ abs($0) <= limit }) else { throw changes[0].tooLarge }
      if matrix.type == .i8 {
        scales?[index] = row.withUnsafeBufferPointer { quantiseRow($0, into: target.assumingMemoryBound(to: Int8.self)) }
      } else {
        matrix.type.encode(
          row[...], into: UnsafeMutableRawBufferPointer(start: target, count: matrix.columns * matrix.type.size))
      }
    }
    return StoredMatrix(
      rows: matrix.rows, columns: matrix.columns, type: matrix.type, bytes: storage.pointer, scales: scales, owner: storage)
  }
}

extension WeightMerge.Change {
  fileprivate var tooLarge: LoRAError {
    LoRAError(location, "with it \(printable(layer.storedName)) has numbers that are too large: lower its scale", kind: .usage)
  }
}

/// A change with its numbers in memory.
private struct RunningChange {
  let rows: Range<Int>
  private let first: Int
  private let scale: Float
  private let rank: Int
  private let down, up: Tensor
  private let magnitude: Tensor?

  init(_ change: WeightMerge.Change) throws {
    (rows, first, rank) = (change.rows, change.first, change.layer.rank)
    scale = Float(Double(change.scale) * change.layer.scaling)
    (down, up, magnitude) = try change.layer.factors()
  }

  /// - Parameter delta: room for a row.
  func apply(to row: inout [Float], _ index: Int, _ delta: inout [Float]) {
    let place = first + index - rows.lowerBound
    row.withUnsafeMutableBufferPointer { row in
      delta.withUnsafeMutableBufferPointer { delta in
        down.withFloats { down in
          up.withFloats { up in
            delta.update(repeating: 0)
            for k in 0..<rank {
              let b = up[place * rank + k]
              let start = k * row.count
              for j in 0..<row.count { delta[j] += b * down[start + j] }
            }
          }
        }
        for j in 0..<row.count { row[j] += scale * delta[j] }
        guard let magnitude else { return }
        // The length over the inputs, in Double: thousands of squares.
        let length = row.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        guard length > 0 else { return }
        let factor = magnitude.withFloats { Float(Double($0[place]) / length) }
        for j in 0..<row.count { row[j] *= factor }
      }
    }
  }
}

extension Checkpoint {
  /// The same tensors with adapters merged into them, one after the other, when they are read.
  /// - Throws: ``LoRAError`` where an adapter does not fit; ``LoadError`` for a layer that the checkpoint does not have.
  package func merging(_ adapters: [(file: LoRAFile, scale: Float)], into targets: LoRATargets) throws -> Checkpoint {
    var merges: [TensorName: WeightMerge] = [:]
    for (file, scale) in adapters {
      for (layer, target) in try file.changes(in: targets) {
        let names = targets.stored.stored(target.parameter.name)
        let rows = target.parameter.rows / names.count
        for (index, name) in names.enumerated() {
          let piece = (index * rows..<(index + 1) * rows).clamped(to: target.rows)
          guard !piece.isEmpty else { continue }
          guard contains(name) else { throw LoadError.missing(file: location, tensor: TensorName(name)) }
          merges[TensorName(name), default: WeightMerge()].add(
            WeightMerge.Change(
              layer: layer, scale: scale, rows: piece.lowerBound - index * rows..<piece.upperBound - index * rows,
              first: piece.lowerBound - target.rows.lowerBound, location: file.location))
        }
      }
    }
    return merges.isEmpty ? self : replacing { merges[$0] }
  }
}
