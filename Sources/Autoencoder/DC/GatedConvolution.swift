import DiTCheckpoints
import DiTTensors

/// x + norm(point(a · SiLU(g))), (a, g) = depth(SiLU(inverted x)), on float32 pixels [1, h, w, C]: 1×1 to eight times the
/// channels, 3×3 of each channel, 1×1 of their half ("GLUMBConv", SANA, arXiv 2410.10629, 3.1).
struct GatedConvolution {
  private let inverted, point: Linear
  private let depth: DepthwiseConvolution
  private let norm: PixelNorm
  private let tiling: Tiling

  init(_ channels: Int, tiling: Tiling, _ parameters: Parameters, on rows: Rows, precise: Bool) throws {
    self.tiling = tiling
    let wide = 4 * channels
    inverted = try parameters.pointwise(
      ["conv_inverted"], 2 * wide, channels, on: rows, shape: [2 * wide, channels, 1, 1], precise: precise)
    depth = try parameters.depthwise("conv_depth", 2 * wide, size: 3, on: rows)
    point = try parameters.pointwise(
      ["conv_point"], channels, wide, on: rows, shape: [channels, wide, 1, 1], bias: false, precise: precise)
    norm = try PixelNorm("norm", channels, .rms, parameters)
  }

  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    let wide = point.inputs
    // What lies between is eight times as large as x.
    return try inBands(x, rows: tiling.bandRows(numbers: 2 * wide * x.shape[2]), [LocalLayer(margin: 1) { x in
      let h = try Tensor(unfilled: x.shape.dropLast() + [2 * wide], type: .f32)
      try backend.apply(inverted, to: x, activation: .silu, into: h)
      let gated = try Tensor(unfilled: x.shape.dropLast() + [wide], type: .f32)
      try backend.convolve(depth, h, height: x.shape[1], width: x.shape[2], activation: .silu, gated: true, into: gated)
      let y = try Tensor(unfilled: x.shape, type: .f32)
      try backend.apply(point, to: gated, into: y)
      try norm(y, on: backend)
      try backend.add(x, y, into: y)
      return y
    }])
  }
}
