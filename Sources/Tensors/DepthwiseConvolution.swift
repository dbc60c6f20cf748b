import DiTCKernels

/// A convolution of each channel by itself, an odd number of taps high and wide, with zeros around the picture.
package struct DepthwiseConvolution: Sendable {
  package let size: Int
  package let channels: Int
  private let taps: Tensor  // [size², channels]: the tap's row and column first, so that channels lie together
  fileprivate let bias: Tensor?  // [channels]

  /// - Parameters:
  ///   - matrix: [channels][size²], PyTorch's [channels, 1, size, size].
  ///   - bias: [channels].
  /// - Throws: ``BackendError/shape(_:)``.
  package init(_ matrix: StoredMatrix, size: Int, bias: Tensor?) throws {
    guard size % 2 == 1, matrix.columns == size * size, bias.map({ $0.count == matrix.rows && $0.type == .f32 }) ?? true else {
      throw BackendError.shape("a depthwise convolution of \(matrix.rows)×\(matrix.columns) numbers, \(size) taps a side")
    }
    (self.size, channels, self.bias) = (size, matrix.rows, bias)
    let stored = try Tensor([matrix.rows, matrix.columns])
    taps = try Tensor([matrix.columns, matrix.rows])
    stored.withFloats { from in
      if let start = from.baseAddress { matrix.readAll(into: start) }
      taps.withFloats { to in
        for channel in 0..<matrix.rows {
          for tap in 0..<matrix.columns { to[tap * matrix.rows + channel] = from[channel * matrix.columns + tap] }
        }
      }
    }
    matrix.release()
  }

  /// One of which only the shape is known; it cannot run.
  package init(unpacked channels: Int, size: Int, bias: Tensor?) throws {
    (self.size, self.channels, self.bias) = (size, channels, bias)
    taps = try Tensor([0])
  }

  /// - Throws: ``BackendError/shape(_:)`` for one that has a shape alone.
  fileprivate var numbers: UnsafePointer<Float> {
    get throws {
      guard taps.count > 0 else { throw BackendError.shape("a network that was listed, not loaded") }
      return UnsafePointer(try floats(taps))
    }
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
    try refuseGradients(of: x, "a depthwise convolution")
    var arguments = dk_depthwise_arguments(
      batch: x.rows / pixels, height: height, width: width, columns: x.columns, size: convolution.size,
      weight: try convolution.numbers, bias: try convolution.bias.map { UnsafePointer(try floats($0)) },
      activation: activation.kernel, gated: gated ? 1 : 0)
    try withExtendedLifetime((convolution, x, out)) {
      try check(dk_depthwise(engine, &arguments, x.view, out.view), "a depthwise convolution")
    }
  }
}
