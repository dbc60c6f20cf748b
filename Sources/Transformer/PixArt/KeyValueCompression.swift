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
    let small = KeyValueCompression.compressed(grid)
    let batch = qkv.shape[0] / grid.count
    let sums = try Tensor([batch * small.count * 2, d])  // a row of keys, a row of values, and so on
    var row = [Float](repeating: 0, count: 2 * d)
    sums.withFloats { sums in
      weight.withFloats { weight in
        bias.withFloats { bias in
          for place in 0..<batch * small.count {
            let (picture, y, x) = (place / small.count, place % small.count / small.width, place % small.width)
            let start = place * 2 * d
            for i in 0..<2 * d { sums[start + i] = bias[i % d] }
            for tap in 0..<KeyValueCompression.factor * KeyValueCompression.factor {
              let (dy, dx) = (tap / KeyValueCompression.factor, tap % KeyValueCompression.factor)
              let token = (y * KeyValueCompression.factor + dy) * grid.width + x * KeyValueCompression.factor + dx
              qkv.read(row: picture * grid.count + token, from: d, into: &row)
              for c in 0..<d {
                sums[start + c] += weight[tap * d + c] * row[c]
                sums[start + d + c] += weight[tap * d + c] * row[d + c]
              }
            }
          }
        }
      }
    }
    let result = try Tensor([batch * small.count, 2 * d], type: qkv.type)
    try backend.layerNorm(
      sums, eps: KeyValueCompression.eps, weight: norm.weight, bias: norm.bias,
      into: result.reshaped([batch * small.count * 2, d]))
    return result
  }
}
