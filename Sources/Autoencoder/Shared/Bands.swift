import DiTTensors

/// A layer on pixels [1, h, w, C] that looks at those nearby alone.
struct LocalLayer {
  /// Rows above and below that a row of results depends on; a multiple of `down`.
  let margin: Int
  /// It makes up/down rows of one.
  var up = 1, down = 1
  let run: (Tensor) throws -> Tensor
}

/// Runs layers over a picture [1, h, w, C] in bands of rows, each row once: a layer keeps the few rows of one band that the
/// next one depends on too, so that memory is that of bands, and the numbers are those of the whole.
/// - Parameter rows: of x in a band; nil: the whole.
func inBands(_ x: Tensor, rows: Int?, _ layers: [LocalLayer]) throws -> Tensor {
  guard let rows, x.shape[1] > rows else { return try layers.reduce(x) { try $1.run($0) } }
  var height = x.shape[1]
  let chain = layers.map { layer in
    defer { height = height * layer.up / layer.down }
    return BandedLayer(layer, height: height)
  }
  var result: Tensor?
  var done = 0
  for top in stride(from: 0, to: x.shape[1], by: rows) {
    var band: Tensor? = x.rows(top..<min(x.shape[1], top + rows))
    for layer in chain where band != nil { band = try layer.push(&band) }
    Recycler.trim()
    guard let band else { continue }
    let whole = try result ?? Tensor(unfilled: [1, height] + band.shape.dropFirst(2), type: band.type)
    result = whole
    try band.copy(into: whole.rows(done..<done + band.shape[1]))
    done += band.shape[1]
  }
  return try result ?? layers.reduce(x) { try $1.run($0) }
}

/// A layer between bands.
private final class BandedLayer {
  private let layer: LocalLayer
  /// Rows of the whole picture, and how many of them are done.
  private let height: Int
  private var done = 0
  /// Rows from `start` on that are needed yet.
  private var held: Tensor?
  private var start = 0

  init(_ layer: LocalLayer, height: Int) { (self.layer, self.height) = (layer, height) }

  /// Takes the next rows; gives those that depend on no later ones.
  /// - Parameter band: the rows, which are gone afterwards: they are as large as what is made of them.
  func push(_ band: inout Tensor?) throws -> Tensor? { try window(&band).flatMap(run) }

  /// The rows that are held, and the next ones.
  private func window(_ band: inout Tensor?) throws -> Tensor? {
    defer { band = nil }
    return try band.map { rows in try held.map { try $0.above(rows) } ?? rows }
  }

  private func run(_ window: Tensor) throws -> Tensor? {
    let end = start + window.shape[1]
    let whole = end == height ? end : end / layer.down * layer.down
    let ready = whole == height ? height : whole - layer.margin
    guard ready > done else {
      held = window
      return nil
    }
    let made = try layer.run(window.rows(0..<whole - start))
    let place = { (row: Int) in (row - self.start) * self.layer.up / self.layer.down }
    let result = made.rows(place(done)..<place(ready))
    let kept = max(0, ready - layer.margin)
    held = end == height ? nil : try window.rows(kept - start..<end - start).copy()  // and not the band it is a part of
    (start, done) = (kept, ready)
    return result
  }
}

extension Tensor {
  /// Rows of pixels [1, h, w, C], sharing the numbers.
  func rows(_ range: Range<Int>) -> Tensor {
    let inner = Array(shape.dropFirst())
    return reshaped(inner).slice(range.lowerBound, count: range.count).reshaped([1, range.count] + inner.dropFirst())
  }

  /// Pixels [1, h, w, C] with those of `other` below them.
  fileprivate func above(_ other: Tensor) throws -> Tensor {
    let joined = try Tensor.concatenated([self, other].map { $0.reshaped(Array($0.shape.dropFirst())) })
    return joined.reshaped([1] + joined.shape)
  }
}

extension Tiling {
  /// Rows of a band that computes the very numbers of the whole.
  /// - Parameters:
  ///   - numbers: of the largest tensor for each of the rows; about 2²⁴ at once are 64 MiB of float32.
  ///   - scale: pixels of the picture along one of the rows' pixels, where a side in them is asked for; nil: it is not.
  func bandRows(numbers: Int, scale: Int? = nil) -> Int? {
    switch self {
    case .never: nil
    case .side(let side) where scale != nil: max(1, side / (scale ?? 1))
    case .automatic, .side: max(1, (1 << 24) / max(1, numbers))
    }
  }
}
