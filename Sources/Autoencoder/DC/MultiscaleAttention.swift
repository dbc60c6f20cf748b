import DiTCheckpoints
import DiTTensors

/// x + norm(out(attention)), on float32 pixels [1, h, w, C]: every pixel to every other in linear time, relu(q) and relu(k)
/// in the place of softmax, over the pixels and over sums of their surroundings (EfficientViT, arXiv 2205.14756, 3.1).
struct MultiscaleAttention {
  private struct Scale {
    /// Of all of q, k and v; then each head's own q, k and v among themselves.
    let around: DepthwiseConvolution, mixes: [Linear]
  }

  private let headSize, inner: Int
  private let qkv, out: Linear
  private let scales: [Scale]
  private let norm: PixelNorm

  init(_ level: DCLevel, headSize: Int, _ parameters: Parameters, on rows: Rows, precise: Bool) throws {
    self.headSize = headSize
    let inner = level.channels / headSize * headSize
    self.inner = inner
    qkv = try parameters.pointwise(["to_q", "to_k", "to_v"], inner, level.channels, on: rows, bias: false, precise: precise)
    scales = try level.scales.enumerated().map { index, size in
      let scale = "to_qkv_multiscale.\(index)."
      return Scale(
        around: try DepthwiseConvolution(scale + "proj_in", 3 * inner, size: size, on: rows, bias: false, parameters),
        mixes: try parameters.groupedPointwise(
          scale + "proj_out", 3 * inner, groups: 3 * inner / headSize, on: rows, precise: precise))
    }
    let wide = inner * (1 + level.scales.count)
    parameters.attention(wide, queries: rows, keys: .fixed(headSize))
    out = try parameters.pointwise(["to_out"], level.channels, wide, on: rows, bias: false, precise: precise)
    norm = try PixelNorm("norm_out", level.channels, level.norm, parameters)
  }

  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    let wide = inner * (1 + scales.count)
    let parts = try Tensor(unfilled: x.shape.dropLast() + [3 * wide], type: .f32)  // [1, h, w, 3 · wide]: q, k, v; then each scale
    try backend.apply(qkv, to: x, into: Matrix(parts, from: 0, count: 3 * inner))
    for (index, scale) in scales.enumerated() {
      let sums = try scale.around(parts)  // [1, h, w, 3 · inner]
      for (group, mix) in scale.mixes.enumerated() {
        let column = group * headSize
        try backend.apply(
          mix, to: Matrix(sums, from: column, count: headSize),
          into: Matrix(parts, from: 3 * inner * (index + 1) + column, count: headSize))
      }
    }
    let mixed = try Tensor(unfilled: x.shape.dropLast() + [wide], type: .f32)
    for head in 0..<wide / headSize {
      try backend.linearAttention(parts, from: 3 * head * headSize, headSize: headSize, into: mixed, at: head * headSize)
    }
    let y = try backend.pointwise(out, mixed, type: .f32)
    try norm(y, on: backend)
    try backend.add(x, y, into: y)
    return y
  }
}

extension Backend {
  /// Σ (q·k) v / (Σ q·k + 1e-15) of relu(q) and relu(k) over all pixels, as one sum [d + 1, d] of values by keys.
  /// - Parameters:
  ///   - parts: [1, h, w, …], float32; a head's q, k and v of `headSize` columns each lie side by side from column `start` on.
  ///   - out: [1, h, w, …], float32, of which columns from `column` on are written.
  fileprivate func linearAttention(_ parts: Tensor, from start: Int, headSize: Int, into out: Tensor, at column: Int) throws {
    let pixels = parts.rows
    let qk = try Matrix(parts, from: start, count: 2 * headSize)
    try activate(.relu, qk, into: qk)
    let keys = try Tensor(unfilled: [headSize, pixels], type: .f32)
    let values = try Tensor(unfilled: [headSize + 1, pixels], type: .f32)  // the last row is of ones: Σ q·k
    parts.withFloats { from in
      keys.withFloats { keys in
        values.withFloats { values in
          for pixel in 0..<pixels {
            let row = pixel * parts.columns + start + headSize
            for d in 0..<headSize {
              keys[d * pixels + pixel] = from[row + d]
              values[d * pixels + pixel] = from[row + headSize + d]
            }
            values[headSize * pixels + pixel] = 1
          }
        }
      }
    }
    let sums = try Tensor(unfilled: [headSize + 1, headSize], type: .f32)
    try apply(linear([keys.stored], precise: true), to: values, into: sums)
    let mixed = try Tensor(unfilled: [pixels, headSize + 1], type: .f32)
    try apply(linear([sums.stored], precise: true), to: Matrix(parts, from: start, count: headSize), into: mixed)
    mixed.withFloats { mixed in
      out.withFloats { target in
        for pixel in 0..<pixels {
          let row = pixel * (headSize + 1)
          let total = mixed[row + headSize] + 1e-15
          for d in 0..<headSize { target[pixel * out.columns + column + d] = mixed[row + d] / total }
        }
      }
    }
  }
}

extension Tensor {
  /// These float32 numbers as a matrix that can be multiplied with.
  fileprivate var stored: StoredMatrix {
    StoredMatrix(rows: rows, columns: columns, type: .f32, bytes: UnsafeRawPointer(pointer), owner: storage)
  }
}
