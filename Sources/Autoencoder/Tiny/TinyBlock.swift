import DiTCheckpoints
import DiTTensors

/// ReLU(conv(ReLU(conv(ReLU(conv x)))) + x); in the middle of the newest TAESD x is first x + pool(x).
struct TinyBlock {
  /// Shows a block the whole picture: 1×1 conv C -> 4C, GroupNorm of 4 groups, ReLU, 1×1 conv 4C -> C.
  private struct Pooling {
    let expand, contract: Linear
    let norm: GroupNormalisation
  }

  private let convolutions: [Convolution]  // three
  private let pooling: Pooling?

  /// Whether its results depend on all pixels.
  var seesEverything: Bool { pooling != nil }

  init(_ parameters: Parameters, channels: Int, on rows: Rows) throws {
    convolutions = try [0, 2, 4].map { index in
      // What is added to the way past adds half.
      try parameters.convolution(
        "conv.\(index)", channels, channels, on: rows, start: index == 4 ? .unitGain(times: 0.5) : .beforeReLU)
    }
    guard parameters.contains("pool.0.weight") else {
      pooling = nil
      return
    }
    let wide = 4 * channels
    pooling = Pooling(
      expand: try parameters.pointwise(
        ["pool.0"], wide, channels, on: rows, shape: [wide, channels, 1, 1], bias: false),
      contract: try parameters.pointwise(
        ["pool.3"], channels, wide, on: rows, shape: [channels, wide, 1, 1], bias: false),
      norm: try parameters.norm("pool.1", wide, groups: 4, eps: 1e-5))
  }

  /// [1, h, w, C] -> the same.
  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    var x = x
    if let pooling {
      let wide = try backend.normalised(pooling.norm, backend.pointwise(pooling.expand, x), activation: .relu)
      let sum = try Tensor(x.shape, type: backend.activationType)
      try backend.add(x, backend.pointwise(pooling.contract, wide), into: sum)
      x = sum
    }
    var y = try backend.convolved(convolutions[0], x, activation: .relu)
    y = try backend.convolved(convolutions[1], y, activation: .relu)
    return try backend.convolved(convolutions[2], y, activation: .relu, residual: x)
  }
}

extension Initialisation {
  /// Keeps the power through a ReLU.
  static let beforeReLU = unitGain(times: 1.414)
}
