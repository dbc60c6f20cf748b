import DiTCKernels

/// A convolution of each channel by itself, an odd number of taps high and wide, with zeros around the picture.
package struct DepthwiseConvolution: Sendable {
  package let size: Int
  package let channels: Int
  let taps: Tensor  // [size², channels]: the tap's row and column first, so that channels lie together
  let bias: Tensor?  // [channels]

  /// - Parameters:
  ///   - weight: [channels, 1, size, size], as PyTorch stores it.
  ///   - bias: [channels].
  /// - Throws: ``BackendError/shape(_:)``.
  package init(weight: Tensor, bias: Tensor?) throws {
    guard weight.shape.count == 4, weight.shape[1] == 1, weight.shape[2] == weight.shape[3], weight.shape[2] % 2 == 1,
      bias.map({ $0.shape == [weight.shape[0]] }) ?? true
    else { throw BackendError.shape("a depthwise convolution \(weight.shape) with a bias \(bias?.shape ?? [])") }
    let (channels, size) = (weight.shape[0], weight.shape[2])
    (self.channels, self.size, self.bias) = (channels, size, bias)
    let values = weight.array
    taps = try Tensor(
      (0..<size * size).flatMap { tap in (0..<channels).map { values[$0 * size * size + tap] } }, [size * size, channels])
  }
}

extension Backend {
  /// act(conv(x) + bias); gated, the second half of the channels gates the first: (first + bias) · act(second + bias).
  /// - Parameters:
  ///   - x: [batch · height · width, channels].
  ///   - out: the same rows of as many columns, or of half as many where it is gated. It may not be `x`.
  package func convolve(
    _ convolution: DepthwiseConvolution, _ x: some MatrixOperand, height: Int, width: Int, activation: Activation = .none,
    gated: Bool = false, into out: some MatrixOperand
  ) throws {
    let (x, out) = (x.matrix, out.matrix)
    let pixels = height * width
    guard pixels > 0, x.rows % pixels == 0, x.columns == convolution.channels, out.rows == x.rows,
      gated ? 2 * out.columns == x.columns : out.columns == x.columns
    else {
      throw BackendError.shape(
        "a depthwise convolution of \(x.rows)×\(x.columns), \(height)×\(width) pixels, into \(out.rows)×\(out.columns)")
    }
    var arguments = dk_depthwise_arguments(
      batch: x.rows / pixels, height: height, width: width, columns: x.columns, size: convolution.size,
      weight: try floats(convolution.taps), bias: try convolution.bias.map { UnsafePointer(try floats($0)) },
      activation: activation.kernel, gated: gated ? 1 : 0)
    try withExtendedLifetime((convolution, x, out)) {
      try check(dk_depthwise(engine, &arguments, x.view, out.view), "a depthwise convolution")
    }
  }
}
