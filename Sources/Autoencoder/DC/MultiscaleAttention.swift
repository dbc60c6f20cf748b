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
  private let tiling: Tiling

  init(
    _ level: DCLevel, headSize: Int, tiling: Tiling, _ parameters: Parameters, on rows: Rows, precise: Bool
  ) throws {
    (self.headSize, self.tiling) = (headSize, tiling)
    let inner = level.channels / headSize * headSize
    self.inner = inner
    qkv = try parameters.pointwise(["to_q", "to_k", "to_v"], inner, level.channels, on: rows, bias: false, precise: precise)
    scales = try level.scales.enumerated().map { index, size in
      let scale = "to_qkv_multiscale.\(index)."
      return Scale(
        around: try parameters.depthwise(scale + "proj_in", 3 * inner, size: size, on: rows, bias: false),
        mixes: try parameters.groupedPointwise(
          scale + "proj_out", 3 * inner, groups: 3 * inner / headSize, on: rows, precise: precise))
    }
    let wide = inner * (1 + level.scales.count)
    parameters.linearAttention(wide, headSize: headSize, on: rows)
    out = try parameters.pointwise(["to_out"], level.channels, wide, on: rows, bias: false, precise: precise)
    norm = try PixelNorm("norm_out", level.channels, level.norm, parameters)
  }

  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    let wide = inner * (1 + scales.count)
    let parts = try Tensor(unfilled: x.shape.dropLast() + [3 * wide], type: .f32)  // [1, h, w, 3 · wide]: q, k, v; then each scale
    try backend.apply(qkv, to: x, into: Matrix(parts, from: 0, count: 3 * inner))
    for (index, scale) in scales.enumerated() { try mix(scale, parts, 3 * inner * (index + 1), on: backend) }
    let mixed = try Tensor(unfilled: x.shape.dropLast() + [wide], type: .f32)
    // A head's queries, keys and values lie side by side.
    for head in 0..<wide / headSize {
      let columns = { (part: Int) in try Matrix(parts, from: (3 * head + part) * headSize, count: headSize) }
      try backend.linearAttention(
        heads: 1, tokens: parts.rows, eps: 1e-15, q: columns(0), k: columns(1), v: columns(2),
        into: Matrix(mixed, from: head * headSize, count: headSize))
    }
    let y = try backend.pointwise(out, mixed, type: .f32)
    try norm(y, on: backend)
    try backend.add(x, y, into: y)
    return y
  }

  /// Writes a scale's queries, keys and values into columns of `parts` from `first` on, a band of rows at a time.
  private func mix(_ scale: Scale, _ parts: Tensor, _ first: Int, on backend: Backend) throws {
    let (height, width, reach) = (parts.shape[1], parts.shape[2], scale.around.size / 2)
    let step = tiling.bandRows(numbers: 12 * inner * width) ?? height
    for top in stride(from: 0, to: height, by: step) {
      let rows = top..<min(height, top + step)
      let outer = max(0, top - reach)..<min(height, rows.upperBound + reach)
      let sums = try Tensor(unfilled: [1, outer.count, width, 3 * inner], type: .f32)
      try backend.convolve(
        scale.around, Matrix(parts.rows(outer), from: 0, count: 3 * inner), height: outer.count, width: width, into: sums)
      let kept = sums.rows(top - outer.lowerBound..<rows.upperBound - outer.lowerBound), target = parts.rows(rows)
      for (group, mix) in scale.mixes.enumerated() {
        let column = group * headSize
        try backend.apply(
          mix, to: Matrix(kept, from: column, count: headSize), into: Matrix(target, from: first + column, count: headSize))
      }
    }
  }
}
