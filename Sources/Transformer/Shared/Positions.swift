import Foundation
import DiTTensors

/// Which coordinates the patches of a grid get in the fixed sin-cos embedding.
package enum PositionRule: Sendable, Equatable {
  /// Ours: the area of any grid is mapped onto the trained base × base grid, centred, one scale for both axes.
  case areaPreserving(base: Int)
  /// DiT and PixArt: coordinate of patch i of n is extent · i / n on each axis. With n = extent: 0, 1, 2, …
  case perAxis(extent: Double)

  /// Row and column coordinates of a grid.
  package func coordinates(of grid: Grid) -> (rows: [Double], columns: [Double]) {
    switch self {
    case .areaPreserving(let base):
      let scale = Double(base) / Double(grid.count).squareRoot()
      let centred = { (n: Int) in
        (0..<n).map { (Double($0) - Double(n - 1) / 2) * scale + Double(base - 1) / 2 }
      }
      return (centred(grid.height), centred(grid.width))
    case .perAxis(let extent):
      let spread = { (n: Int) in (0..<n).map { Double($0) * extent / Double(n) } }
      return (spread(grid.height), spread(grid.width))
    }
  }
}

/// Fixed 2D sin-cos positions (arXiv 2212.09748 after MAE): [grid.count, size] float32, rows of the grid first.
///
/// The first half of the channels encodes the column, the second the row; each half is sin then cos of
/// coordinate · 10000^(−k/(size/4)).
package func sinCosPositions(size: Int, grid: Grid, rule: PositionRule) throws -> Tensor {
  let (rows, columns) = rule.coordinates(of: grid)
  let quarter = size / 4
  let frequencies = (0..<quarter).map { pow(10000, -Double($0) / (Double(size) / 4)) }
  func encode(_ coordinate: Double) -> [Float] {
    frequencies.map { Float(sin(coordinate * $0)) } + frequencies.map { Float(cos(coordinate * $0)) }
  }
  let byRow = rows.map(encode)
  let byColumn = columns.map(encode)
  var values: [Float] = []
  values.reserveCapacity(grid.count * size)
  for row in byRow {
    for column in byColumn { values += column + row }
  }
  return try Tensor(values, [grid.count, size])
}

/// Sinusoidal features of timesteps: [count, size] float32, cosines first.
///
/// All in float32, as every reference computes it; in double the output would move by NMSE 1e-11.
/// - Parameters:
///   - size: 256 but in U-ViT.
///   - divisor: of the frequencies' exponents; half the size but in diffusers' DiT.
package func timestepFeatures(_ timesteps: [Float], size: Int = 256, divisor: Float? = nil) throws -> Tensor {
  let half = size / 2
  let divisor = divisor ?? Float(half)
  let frequencies = (0..<half).map { expf(-Float(log(10000.0)) * Float($0) / divisor) }
  return try Tensor(
    timesteps.flatMap { t in frequencies.map { cosf(t * $0) } + frequencies.map { sinf(t * $0) } },
    [timesteps.count, 2 * half])
}
