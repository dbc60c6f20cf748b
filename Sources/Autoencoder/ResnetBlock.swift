import DiTTensors

/// x + conv(SiLU(norm(conv(SiLU(norm x))))), with a 1×1 convolution on the way past where the channels change.
///
/// x stays float32 whatever the backend computes in: rounding the sum after each of some thirty blocks costs as much as
/// rounding the factors of all products does.
struct ResnetBlock {
  private let norm1, norm2: GroupNormalisation
  private let conv1, conv2: Convolution
  private let shortcut: Linear?
  private let type: ElementType

  init(_ reader: LayerReader, _ name: String, inputs: Int, outputs: Int, groups: Int) throws {
    type = reader.type
    norm1 = try reader.norm(name + ".norm1", inputs, groups: groups, eps: 1e-6)
    conv1 = try reader.convolution(name + ".conv1", outputs, inputs)
    norm2 = try reader.norm(name + ".norm2", outputs, groups: groups, eps: 1e-6)
    conv2 = try reader.convolution(name + ".conv2", outputs, outputs)
    shortcut = inputs == outputs ? nil : try reader.pointwise([name + ".conv_shortcut"], outputs, inputs)
  }

  /// [1, h, w, inputs] -> [1, h, w, outputs], both float32
  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    var h = try backend.normalised(norm1, x, activation: .silu, type: type)
    h = try backend.convolved(conv1, h, type: type)  // [1, h, w, outputs]
    try backend.normalise(norm2, h, activation: .silu, into: h)
    guard let shortcut else { return try backend.convolved(conv2, h, residual: x, type: .f32) }
    let sum = try backend.pointwise(shortcut, x, type: .f32)  // [1, h, w, outputs]
    try backend.convolve(conv2, h, residual: sum, into: sum)  // in place: these are the largest tensors there are
    return sum
  }
}
