import DiTTensors

/// Runs an autoencoder over tiles that overlap by a quarter and blends them linearly, exactly as diffusers'
/// `AutoencoderKL.tiled_decode` and `tiled_encode` do.
/// - Parameters:
///   - x: pixels [1, h, w, C], float32.
///   - side: of a tile of x; `resultSide`: of what `body` makes of it.
func inBlendedTiles(_ x: Tensor, side: Int, resultSide: Int, _ body: (Tensor) throws -> Tensor) throws -> Tensor {
  let (height, width) = (x.shape[1], x.shape[2])
  let (step, blend) = (side * 3 / 4, resultSide / 4)
  let kept = resultSide - blend
  var result: Tensor?
  var above: [Tensor] = []
  for (row, top) in stride(from: 0, to: height, by: step).enumerated() {
    var tiles: [Tensor] = []
    for (column, left) in stride(from: 0, to: width, by: step).enumerated() {
      let tile = try body(x.cropped(top..<min(height, top + side), left..<min(width, left + side)))
      if row > 0 { tile.blend(with: above[column], extent: blend, vertically: true) }
      if column > 0 { tile.blend(with: tiles[column - 1], extent: blend, vertically: false) }
      tiles.append(tile)
      let size = { (n: Int) in n * resultSide / side }
      let whole = try result ?? Tensor([1, size(height), size(width), tile.shape[3]])
      result = whole
      tile.copyPixels(
        from: (0, 0), to: whole, at: (row * kept, column * kept), rows: min(kept, tile.shape[1]),
        columns: min(kept, tile.shape[2]))
    }
    above = tiles
  }
  return try result ?? body(x)
}

extension Tensor {
  /// Fades from the end of `other`, the tile above or to the left, into the start of this one. Pixels [1, h, w, C].
  fileprivate func blend(with other: Tensor, extent: Int, vertically: Bool) {
    let axis = vertically ? 1 : 2
    let extent = min(extent, shape[axis], other.shape[axis])
    let channels = shape[3]
    let (rows, columns) = vertically ? (extent, min(shape[2], other.shape[2])) : (min(shape[1], other.shape[1]), extent)
    let (down, right) = vertically ? (other.shape[1] - extent, 0) : (0, other.shape[2] - extent)
    withFloats { mine in
      other.withFloats { theirs in
        for y in 0..<rows {
          for x in 0..<columns {
            let share = Float(vertically ? y : x) / Float(extent)
            let (at, from) = ((y * shape[2] + x) * channels, ((y + down) * other.shape[2] + x + right) * channels)
            for c in 0..<channels { mine[at + c] = theirs[from + c] * (1 - share) + mine[at + c] * share }
          }
        }
      }
    }
  }
}
