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

  init(_ reader: LayerReader, _ name: String, channels: Int) throws {
    convolutions = try [0, 2, 4].map { try reader.convolution("\(name).conv.\($0)", channels, channels) }
    guard reader.checkpoint.contains("\(name).pool.0.weight") else {
      pooling = nil
      return
    }
    pooling = Pooling(
      expand: try reader.pointwise(["\(name).pool.0"], 4 * channels, channels, bias: false),
      contract: try reader.pointwise(["\(name).pool.3"], channels, 4 * channels, bias: false),
      norm: try reader.norm("\(name).pool.1", 4 * channels, groups: 4, eps: 1e-5))
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
