import DiTCheckpoints
import DiTTensors

/// To pixels twice as many along each side: a convolution of them doubled, or one to four times the channels that become
/// pixels; with a shortcut that repeats channels.
struct DCUpsample {
  private let convolution: Convolution
  private let outputs: Int
  private let shuffles, hasShortcut: Bool

  /// - Parameter scale: pixels that it makes along one side of a latent.
  init(
    _ outputs: Int, _ inputs: Int, shuffles: Bool, shortcut: Bool = true, scale: Int, precise: Bool = false,
    _ parameters: Parameters
  ) throws {
    (self.outputs, self.shuffles, hasShortcut) = (outputs, shuffles, shortcut)
    convolution = try parameters.convolution(
      "conv", shuffles ? 4 * outputs : outputs, inputs, on: .pixels(shuffles ? scale / 2 : scale), precise: precise)
  }

  /// [1, h, w, C] -> [1, 2h, 2w, C'], float32.
  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    let shortcut = hasShortcut ? try x.pixelShuffled(to: outputs) : nil
    guard shuffles else { return try backend.convolved(convolution, x, upsample: 2, onto: shortcut) }
    return try backend.sum(backend.convolved(convolution, x, type: .f32).pixelShuffled(to: outputs), shortcut)
  }
}

/// To pixels half as many along each side: a convolution of stride 2, or one whose pixels become channels; with a shortcut
/// that averages channels. In float32.
struct DCDownsample {
  private let convolution: Convolution
  private let outputs: Int
  private let shuffles, hasShortcut: Bool

  init(_ outputs: Int, _ inputs: Int, shuffles: Bool, shortcut: Bool = true, _ parameters: Parameters) throws {
    (self.outputs, self.shuffles, hasShortcut) = (outputs, shuffles, shortcut)
    convolution = try parameters.convolution("conv", shuffles ? outputs / 4 : outputs, inputs, on: .uncounted, precise: true)
  }

  /// [1, h, w, C] -> [1, h/2, w/2, C'], float32.
  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    let shortcut = hasShortcut ? try x.pixelUnshuffled(to: outputs) : nil
    guard shuffles else { return try backend.convolved(convolution, x, stride: 2, onto: shortcut) }
    return try backend.sum(backend.convolved(convolution, x, type: .f32).pixelUnshuffled(to: outputs), shortcut)
  }
}

extension Backend {
  /// A convolution that is added to a shortcut, in its place, where there is one.
  fileprivate func convolved(
    _ convolution: Convolution, _ x: Tensor, upsample: Int = 1, stride: Int = 1, onto shortcut: Tensor?
  ) throws -> Tensor {
    guard let shortcut else { return try convolved(convolution, x, upsample: upsample, stride: stride, type: .f32) }
    try convolve(convolution, x, upsample: upsample, stride: stride, residual: shortcut, into: shortcut)
    return shortcut
  }

  /// y, to which a shortcut is added where there is one.
  fileprivate func sum(_ y: Tensor, _ shortcut: Tensor?) throws -> Tensor {
    if let shortcut { try add(y, shortcut, into: y) }
    return y
  }
}
