import Foundation
import DiTTensors

/// Runs convolutions over tiles of pixels x [1, h, w, C], each with enough of its surroundings to give the very numbers
/// the whole would: what the false borders spoil is cut away.
/// - Parameters:
///   - side: of a tile; `margin`: pixels of x around it that its results depend on. Both are multiples of `down`.
///   - up, down: `body` makes up/down pixels of one along each side.
func inExactTiles(
  _ x: Tensor, side: Int?, margin: Int, up: Int = 1, down: Int = 1, _ body: (Tensor) throws -> Tensor
) throws -> Tensor {
  let (height, width) = (x.shape[1], x.shape[2])
  guard let side, height > side || width > side else { return try body(x) }
  var result: Tensor?
  for top in stride(from: 0, to: height, by: side) {
    let rows = Span(top, side, margin, height)
    for left in stride(from: 0, to: width, by: side) {
      let columns = Span(left, side, margin, width)
      let tile = try body(x.cropped(rows.outer, columns.outer))
      let whole = try result ?? Tensor([1, height * up / down, width * up / down, tile.shape[3]], type: tile.type)
      result = whole
      tile.copyPixels(
        from: (rows.before * up / down, columns.before * up / down), to: whole,
        at: (top * up / down, left * up / down), rows: rows.inner.count * up / down,
        columns: columns.inner.count * up / down)
    }
  }
  return try result ?? body(x)
}

/// A tile along one axis, and what is computed for it.
private struct Span {
  let inner, outer: Range<Int>
  /// Pixels computed before the tile.
  var before: Int { inner.lowerBound - outer.lowerBound }

  init(_ start: Int, _ side: Int, _ margin: Int, _ size: Int) {
    inner = start..<min(size, start + side)
    outer = max(0, start - margin)..<min(size, inner.upperBound + margin)
  }
}

extension Tensor {
  /// Pixels [1, rows, columns, C] of pixels [1, h, w, C], copied.
  func cropped(_ rows: Range<Int>, _ columns: Range<Int>) throws -> Tensor {
    let result = try Tensor([1, rows.count, columns.count, shape[3]], type: type)
    copyPixels(
      from: (rows.lowerBound, columns.lowerBound), to: result, at: (0, 0), rows: rows.count, columns: columns.count)
    return result
  }

  /// Copies a rectangle of pixels [1, h, w, C] into another picture of the same type and channels.
  func copyPixels(from: (y: Int, x: Int), to target: Tensor, at: (y: Int, x: Int), rows: Int, columns: Int) {
    precondition(type == target.type && shape[3] == target.shape[3])
    precondition(from.y + rows <= shape[1] && from.x + columns <= shape[2])
    precondition(at.y + rows <= target.shape[1] && at.x + columns <= target.shape[2])
    let pixel = shape[3] * type.size
    for row in 0..<rows {
      let source = offset * type.size + ((from.y + row) * shape[2] + from.x) * pixel
      let place = target.offset * type.size + ((at.y + row) * target.shape[2] + at.x) * pixel
      memcpy(target.storage.pointer + place, storage.pointer + source, columns * pixel)
    }
  }
}
