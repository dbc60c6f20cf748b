import Foundation
import DiTTensors

/// A matrix as int8, row by row: value = int8 · scale, scale = max|x| / 127, rounded half to even (``quantiseRow(_:into:)``).
///
/// Simplest of the weight formats of LLM.int8() (Dettmers et al. 2022, section 2: absmax quantisation, vector-wise).
/// - Returns: rows × columns bytes, and a scale a row: NaN (and zero bytes) for a row with a number that is not finite.
package func quantiseRows(_ matrix: StoredMatrix) -> (values: Data, scales: [Float]) {
  var values = Data(count: matrix.rows * matrix.columns)
  var scales = [Float](repeating: .nan, count: matrix.rows)
  var row = [Float](repeating: 0, count: matrix.columns)
  values.withUnsafeMutableBytes { target in
    let target = target.assumingMemoryBound(to: Int8.self)
    for index in 0..<matrix.rows {
      row.withUnsafeMutableBufferPointer { row in
        guard let source = row.baseAddress, let start = target.baseAddress else {
          scales[index] = 1
          return
        }
        matrix.readRow(index, into: source)
        guard row.allSatisfy(\.isFinite) else { return }
        scales[index] = quantiseRow(UnsafeBufferPointer(row), into: start + index * matrix.columns)
      }
    }
  }
  return (values, scales)
}
