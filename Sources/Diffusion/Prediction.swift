import DiTTensors

/// What the model says about noisy latents, guidance already applied.
package struct Prediction: Sendable {
  /// What it says, [B, C, H, W]: of which kind, `kind` tells.
  package let output: Tensor
  package let kind: PredictionKind
  /// v, [B, C, H, W]: −1 asks for the posterior variance, +1 for β (2102.09672, eq. 15). nil if it was not learned.
  package let varianceLogits: Tensor?

  package init(_ output: Tensor, _ kind: PredictionKind, varianceLogits: Tensor? = nil) {
    self.output = output
    self.kind = kind
    self.varianceLogits = varianceLogits
  }

  package init(noise: Tensor, varianceLogits: Tensor? = nil) { self.init(noise, .noise, varianceLogits: varianceLogits) }

  /// ε, [B, C, H, W], of latents at a level.
  package func noise(of latents: Tensor, at level: NoiseLevel) throws -> Tensor {
    try kind.noise(output, of: latents, at: level)
  }

  /// x₀, [B, C, H, W], of latents at a level.
  /// - Parameter clipping: what is done to it.
  func original(of latents: Tensor, at level: NoiseLevel, _ clipping: Clipping? = nil) throws -> Tensor {
    let original = try kind.original(output, of: latents, at: level)
    clipping?.apply(to: original)
    return original
  }

  /// Splits a model's output [B, C or 2C, H, W] into C channels of its own kind and, if there are more, C of the variance.
  package init(output: Tensor, latentChannels: Int, kind: PredictionKind = .noise) throws {
    let shape = output.shape
    precondition(
      shape.count == 4 && (shape[1] == latentChannels || shape[1] == 2 * latentChannels),
      "an output of \(shape) does not hold \(latentChannels) or \(2 * latentChannels) channels")
    if shape[1] == latentChannels {
      self.init(output, kind)
      return
    }
    let part = latentChannels * shape[2] * shape[3]
    let half = { (first: Int) in
      let result = try Tensor([shape[0], latentChannels, shape[2], shape[3]])
      output.withFloats { source in
        result.withFloats { target in
          for picture in 0..<shape[0] {
            let from = (2 * picture + first) * part
            for index in 0..<part { target[picture * part + index] = source[from + index] }
          }
        }
      }
      return result  // [B, C, H, W]
    }
    try self.init(half(0), kind, varianceLogits: half(1))
  }
}
