import DiTCheckpoints
import DiTTensors
import Foundation

/// Keys and values of some tokens in one layer, each [tokens, keyHeads · headSize], keys turned by their positions.
struct Gemma2KeyValues {
  let keys, values: Tensor

  init(keys: Tensor, values: Tensor) { (self.keys, self.values) = (keys, values) }

  init(rows: Int, columns: Int) throws {
    keys = try Tensor([rows, columns])
    values = try Tensor([rows, columns])
  }

  func slice(_ start: Int, count: Int) -> Gemma2KeyValues {
    Gemma2KeyValues(keys: keys.slice(start, count: count), values: values.slice(start, count: count))
  }
}

/// One text on its way through the layers.
struct Gemma2Work {
  let x: Tensor  // [L, d]
  let rotary: RotaryPositions
  let normed, query, attended, hidden, up: Tensor
  /// What attention or feed-forward adds, [L, d].
  let made: Tensor
  private let full: Tensor  // [1, L, first + L]
  private let first: Int

  /// - Parameters:
  ///   - x: embedded tokens.
  ///   - first: how many tokens are before them.
  init(_ configuration: Gemma2Configuration, _ x: Tensor, after first: Int) throws {
    (self.x, self.first) = (x, first)
    let make = { (columns: Int) in try Tensor([x.rows, columns]) }
    rotary = RotaryPositions(first..<first + x.rows, headSize: configuration.headSize, theta: configuration.theta)
    normed = try make(configuration.hiddenSize)
    query = try make(configuration.heads * configuration.headSize)
    attended = try make(query.columns)
    hidden = try make(configuration.feedForwardSize)
    up = try make(configuration.feedForwardSize)
    made = try make(configuration.hiddenSize)
    full = try Gemma2Work.bias(x.rows, after: first, window: .max)
  }

  /// [1, L, first + L]: what lies behind a token, or too far before it, is out of its sight.
  /// - Parameter window: tokens that it sees, itself included; nil: all before it.
  func bias(window: Int?) throws -> Tensor {
    guard let window, window < first + x.rows else { return full }
    return try Gemma2Work.bias(x.rows, after: first, window: window)
  }

  private static func bias(_ count: Int, after first: Int, window: Int) throws -> Tensor {
    let keys = first + count
    let bias = try Tensor([1, count, keys])
    bias.withFloats { bias in
      for row in 0..<count {
        let place = first + row
        for key in 0..<keys where key > place || place - key >= window { bias[row * keys + key] = -1e30 }
      }
    }
    return bias
  }
}

/// Rotary positions (Su et al. 2021, arXiv 2104.09864), of each head's halves: place i turns with place i + h/2, by the angle
/// position · θ^(−2i/h), in float32 as the reference computes it.
struct RotaryPositions {
  private let cosines, sines: [Float]  // [rows][h/2]
  private let half: Int

  init(_ positions: Range<Int>, headSize: Int, theta: Double) {
    half = headSize / 2
    let frequencies = (0..<headSize / 2).map { 1 / Float(pow(Float(theta), Float(2 * $0) / Float(headSize))) }
    let angles = positions.flatMap { position in frequencies.map { Float(position) * $0 } }
    (cosines, sines) = (angles.map(cosf), angles.map(sinf))
  }

  /// Turns the heads of float32 rows.
  func turn(_ x: Tensor) {
    let width = x.columns
    x.withFloats { x in
      for row in 0..<cosines.count / half {
        for head in stride(from: row * width, to: (row + 1) * width, by: 2 * half) {
          for i in 0..<half {
            let (c, s) = (cosines[row * half + i], sines[row * half + i])
            let (a, b) = (x[head + i], x[head + half + i])
            x[head + i] = a * c - b * s
            x[head + half + i] = b * c + a * s
          }
        }
      }
    }
  }
}

extension Parameters {
  /// A norm's factors, of which the file holds what they are above 1.
  func offsetNorm(_ name: String, _ size: Int) throws -> Tensor {
    let stored = try tensor(name, [size], start: .bias)
    return try Tensor(stored.array.map { 1 + $0 }, [size])
  }
}
