import DiTCheckpoints
import DiTTensors

/// GroupNorm (Wu & He 2018) with what it learned, for pixels [B, h, w, C].
struct GroupNormalisation {
  let groups: Int
  let eps: Float
  let weight: Tensor
  let bias: Tensor
}

extension Parameters {
  /// The factors and offsets of a GroupNorm.
  func norm(_ name: String, _ channels: Int, groups: Int, eps: Float) throws -> GroupNormalisation {
    GroupNormalisation(
      groups: groups, eps: eps, weight: try tensor(name + ".weight", [channels], start: .gain),
      bias: try tensor(name + ".bias", [channels], start: .bias))
  }
}

extension Rows {
  /// The pixels of a level, `scale` of them along one side of a latent.
  static func pixels(_ scale: Int) -> Rows { .latents(times: scale * scale) }
  /// Of encoders: drawing from words takes their parameters into memory at most.
  static let uncounted = fixed(0)
}

/// The layers on pixels [B, h, w, C]. Results are in the backend's activation type unless `type` says otherwise.
extension Backend {
  func convolved(
    _ convolution: Convolution, _ x: Tensor, upsample: Int = 1, stride: Int = 1, padEndOnly: Bool = false,
    activation: Activation = .none, residual: Tensor? = nil, type: ElementType? = nil
  ) throws -> Tensor {
    let size = { (n: Int) in (n * upsample + stride - 1) / stride }
    let out = try Tensor(
      unfilled: [x.shape[0], size(x.shape[1]), size(x.shape[2]), convolution.outputs], type: type ?? activationType)
    try convolve(
      convolution, x, upsample: upsample, stride: stride, padEndOnly: padEndOnly, activation: activation,
      residual: residual, into: out)
    return out
  }

  func pointwise(_ linear: Linear, _ x: Tensor, type: ElementType? = nil) throws -> Tensor {
    let out = try Tensor(unfilled: x.shape.dropLast() + [linear.outputs], type: type ?? activationType)
    try apply(linear, to: x, into: out)
    return out
  }

  func normalised(
    _ norm: GroupNormalisation, _ x: Tensor, activation: Activation = .none, type: ElementType? = nil
  ) throws -> Tensor {
    let out = try Tensor(unfilled: x.shape, type: type ?? activationType)
    try normalise(norm, x, activation: activation, into: out)
    return out
  }

  /// - Parameter out: may be x.
  func normalise(_ norm: GroupNormalisation, _ x: Tensor, activation: Activation = .none, into out: Tensor) throws {
    try groupNorm(
      x, groups: norm.groups, weight: norm.weight, bias: norm.bias, eps: norm.eps, activation: activation, into: out)
  }
}
