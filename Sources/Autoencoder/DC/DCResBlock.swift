import DiTCheckpoints
import DiTTensors

/// x + norm(conv(act(conv x))), on float32 pixels [1, h, w, C].
struct DCResBlock {
  private let conv1, conv2: Convolution
  private let norm: PixelNorm
  private let activation: Activation
  private let type: ElementType

  /// - Parameter precise: compute in float32 whatever the backend's precision.
  init(_ level: DCLevel, _ parameters: Parameters, on rows: Rows, precise: Bool) throws {
    type = precise ? .f32 : parameters.backend.activationType
    activation = level.activation
    conv1 = try parameters.convolution("conv1", level.channels, level.channels, on: rows, precise: precise)
    conv2 = try parameters.convolution("conv2", level.channels, level.channels, on: rows, bias: false, precise: precise)
    norm = try PixelNorm("norm", level.channels, level.norm, parameters)
  }

  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    let h = try backend.convolved(conv1, x, activation: activation, type: type)
    let y = try backend.convolved(conv2, h, type: .f32)
    try norm(y, on: backend)
    try backend.add(x, y, into: y)
    return y
  }
}
