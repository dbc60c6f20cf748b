import DiTTensors

/// PixArt-Σ's key and value compression (Chen et al., arXiv 2403.04692, section 3.3): a depthwise convolution of 2×2
/// patches of tokens with stride 2, then a layer norm; one and the same for keys and values.
struct KeyValueCompression {
  static let factor = 2

  let weight: Tensor  // [factor², D]: the tap's row and column first, so that channels lie together
  let bias: Tensor  // [D]
  let norm: AffineNorm
  /// LayerNorm's default in PyTorch, which PixArt-Σ leaves as it is.
  static let eps: Float = 1e-5

  /// - Parameter weight: [D, 1, factor, factor], PyTorch's depthwise convolution.
  init(weight: Tensor, bias: Tensor, norm: AffineNorm) throws {
    let channels = weight.shape[0]
    let taps = KeyValueCompression.factor * KeyValueCompression.factor
    let values = weight.array
    self.weight = try Tensor(
      (0..<taps).flatMap { tap in (0..<channels).map { values[$0 * taps + tap] } }, [taps, channels])
    self.bias = bias
    self.norm = norm
  }

  /// The grid of the compressed tokens; an odd last row or column is not read.
  static func compressed(_ grid: Grid) -> Grid { Grid(height: grid.height / factor, width: grid.width / factor) }

  /// Keys and values of fewer tokens.
  /// - Parameters:
  ///   - qkv: [B·T, 3·D], queries first.
  ///   - grid: the T tokens of one picture.
  /// - Returns: [B·T', 2·D], keys then values, in the type of `qkv`.
  func callAsFunction(_ qkv: Tensor, grid: Grid, _ backend: Backend) throws -> Tensor {
    let d = bias.count
    let batch = qkv.shape[0] / grid.count
    let result = try Tensor([batch * KeyValueCompression.compressed(grid).count, 2 * d], type: qkv.type)
    for part in 0..<2 {
      try backend.compress(
        Matrix(qkv, from: (part + 1) * d, count: d), height: grid.height, width: grid.width,
        factor: KeyValueCompression.factor, taps: weight, tapBias: bias, weight: norm.weight, bias: norm.bias,
        eps: KeyValueCompression.eps, into: Matrix(result, from: part * d, count: d))
    }
    return result
  }
}
