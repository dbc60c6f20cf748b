import DiTTensors

/// Where windows of one size lie in a grid that is larger: evenly spread, neighbours overlapping.
package struct WindowLayout: Sendable, Equatable {
  /// Patches of the whole, and of a window.
  package let grid, window: Grid
  /// First rows and first columns of the windows.
  package let rows, columns: [Int]

  /// As few windows as will do, and as small.
  /// - Parameters:
  ///   - side: most patches of a window's side.
  ///   - overlap: least patches that neighbours share; less than `side`.
  package init(_ grid: Grid, side: Int, overlap: Int) {
    func spread(_ length: Int) -> (size: Int, starts: [Int]) {
      guard length > side else { return (length, [0]) }
      let count = (length - overlap + side - overlap - 1) / (side - overlap)
      let size = (length + (count - 1) * overlap + count - 1) / count
      return (size, (0..<count).map { $0 * (length - size) / (count - 1) })
    }
    let (height, width) = (spread(grid.height), spread(grid.width))
    self.grid = grid
    window = Grid(height: height.size, width: width.size)
    (rows, columns) = (height.starts, width.starts)
  }

  package var count: Int { rows.count * columns.count }
}

/// A run over latents larger than a model was trained at: each window is predicted as a picture of its own, and where
/// windows overlap one fades into the other (MultiDiffusion, arXiv 2302.08113).
package final class WindowedRun: TransformerRun {
  private let run: any TransformerRun
  private let layout: WindowLayout
  private let patch: Int

  /// - Parameter run: made by `prepare` for the layout's window.
  package init(_ run: any TransformerRun, _ layout: WindowLayout, patch: Int) {
    (self.run, self.layout, self.patch) = (run, layout, patch)
  }

  package var attentionMaps: [Tensor]? { nil }
  package func recordAttention() {}

  package func predict(_ latents: Tensor, evaluation: Int, probe: Probe?) throws -> Tensor {
    let (height, width) = (layout.window.height * patch, layout.window.width * patch)
    let planes = latents.shape[0] * latents.shape[1]
    let piece = try Tensor([latents.shape[0], latents.shape[1], height, width])
    var sum: Tensor?
    var weights = [Float](repeating: 0, count: latents.shape[2] * latents.shape[3])
    for top in layout.rows {
      for left in layout.columns {
        let place = (row: top * patch, column: left * patch)
        for plane in 0..<planes {
          latents.withFloats { source in
            piece.withFloats { target in
              for row in 0..<height {
                let from = (plane * latents.shape[2] + place.row + row) * latents.shape[3] + place.column
                for column in 0..<width { target[(plane * height + row) * width + column] = source[from + column] }
              }
            }
          }
        }
        let output = try run.predict(piece, evaluation: evaluation, probe: probe)
        let whole = try sum ?? Tensor([output.shape[0], output.shape[1], latents.shape[2], latents.shape[3]])
        sum = whole
        add(output, to: whole, at: place, &weights)
      }
    }
    guard let sum else { return latents }
    sum.withFloats { sum in
      for index in sum.indices { sum[index] /= weights[index % weights.count] }
    }
    return sum
  }

  /// Adds a window's prediction, weaker towards the borders that it shares.
  private func add(_ output: Tensor, to sum: Tensor, at place: (row: Int, column: Int), _ weights: inout [Float]) {
    let (height, width) = (output.shape[2], output.shape[3])
    let (rows, columns) = (sum.shape[2], sum.shape[3])
    let down = WindowedRun.fading(height, at: place.row, of: rows)
    let across = WindowedRun.fading(width, at: place.column, of: columns)
    for row in 0..<height {
      for column in 0..<width { weights[(place.row + row) * columns + place.column + column] += down[row] * across[column] }
    }
    output.withFloats { output in
      sum.withFloats { sum in
        for plane in 0..<output.count / (height * width) {
          for row in 0..<height {
            let (from, to) = ((plane * height + row) * width, (plane * rows + place.row + row) * columns + place.column)
            for column in 0..<width { sum[to + column] += down[row] * across[column] * output[from + column] }
          }
        }
      }
    }
  }

  /// Weights along a side: a ramp over a quarter of it at each end, but at the ends of the whole.
  private static func fading(_ length: Int, at start: Int, of whole: Int) -> [Float] {
    let ramp = Float(max(1, length / 4))
    return (0..<length).map { index in
      let before = start == 0 ? 1 : (Float(index) + 0.5) / ramp
      let behind = start + length == whole ? 1 : (Float(length - index) - 0.5) / ramp
      return min(1, before, behind)
    }
  }
}
