import DiTCheckpoints
import DiTTensors

/// What follows a block's last convolution, on float32 pixels [1, h, w, C].
enum PixelNorm {
  enum Kind: String, Sendable, CaseIterable {
    case rms = "rms_norm", batch = "batch_norm"
    static let names = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })
  }

  private static let eps: Float = 1e-5

  /// Of each pixel over its channels, with a bias.
  case rms(weight: Tensor, bias: Tensor)
  /// By each channel's mean and variance in training: x · scale + shift.
  case batch(scale: [Float], shift: [Float])

  init(_ name: String, _ channels: Int, _ kind: Kind, _ parameters: Parameters) throws {
    let weight = try parameters.tensor(name + ".weight", [channels], start: .gain)
    let bias = try parameters.tensor(name + ".bias", [channels], start: .bias)
    switch kind {
    case .rms: self = .rms(weight: weight, bias: bias)
    case .batch:
      let mean = try parameters.tensor(name + ".running_mean", [channels], start: .bias).array
      let variance = try parameters.tensor(name + ".running_var", [channels], start: .gain).array
      let scale = zip(weight.array, variance).map { $0 / (max(0, $1) + Self.eps).squareRoot() }
      self = .batch(scale: scale, shift: bias.array.indices.map { bias.array[$0] - mean[$0] * scale[$0] })
    }
  }

  /// In place.
  func callAsFunction(_ x: Tensor, on backend: Backend) throws {
    switch self {
    case .rms(let weight, let bias): try backend.rmsNorm(x, weight: weight, bias: bias, eps: Self.eps, into: x)
    case .batch(let scale, let shift):
      x.withFloats { x in
        for start in stride(from: 0, to: x.count, by: scale.count) {
          for c in scale.indices { x[start + c] = x[start + c] * scale[c] + shift[c] }
        }
      }
    }
  }
}
