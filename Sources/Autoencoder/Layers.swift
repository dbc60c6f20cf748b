import DiTCheckpoints
import DiTTensors

/// GroupNorm (Wu & He 2018) with what it learned, for pixels [B, h, w, C].
struct GroupNormalisation {
  let groups: Int
  let eps: Float
  let weight: Tensor
  let bias: Tensor
}

/// Reads the layers of an autoencoder by name.
struct LayerReader {
  let checkpoint: Checkpoint
  let backend: Backend
  /// Compute in float32 whatever the backend's precision.
  var precise = false

  /// What the layers' results are made in.
  var type: ElementType { precise ? .f32 : backend.activationType }

  /// A 3×3 convolution, stored [out, in, 3, 3].
  /// - Parameter precise: as ``precise``, for the few numbers of a latent or a picture.
  func convolution(
    _ name: String, _ outputs: Int, _ inputs: Int, bias: Bool = true, precise: Bool = false
  ) throws -> Convolution {
    try backend.convolution(
      checkpoint.matrix(name + ".weight", rows: outputs, columns: inputs * 9),
      bias: bias ? checkpoint.tensor(name + ".bias", shape: [outputs]) : nil, precise: precise || self.precise)
  }

  /// 1×1 convolutions of one input, stacked along their outputs, stored [out, in] or [out, in, 1, 1].
  /// - Parameter precise: as above.
  func pointwise(
    _ names: [String], _ outputs: Int, _ inputs: Int, bias: Bool = true, precise: Bool = false
  ) throws -> Linear {
    let matrices = try names.map { try checkpoint.matrix($0 + ".weight", rows: outputs, columns: inputs) }
    let biases = bias ? try names.map { try checkpoint.tensor($0 + ".bias", shape: [outputs]) } : []
    let joined = biases.isEmpty ? nil : try Tensor.concatenated(biases)
    return precise || self.precise
      ? try backend.linear(matrices, bias: joined, precise: true) : try backend.pointwise(matrices, bias: joined)
  }

  func norm(_ name: String, _ channels: Int, groups: Int, eps: Float) throws -> GroupNormalisation {
    GroupNormalisation(
      groups: groups, eps: eps, weight: try checkpoint.tensor(name + ".weight", shape: [channels]),
      bias: try checkpoint.tensor(name + ".bias", shape: [channels]))
  }
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
