import DiTTensors

/// What the model says about noisy latents, guidance already applied.
package struct Prediction: Sendable {
  /// ε, [B, C, H, W].
  package let noise: Tensor
  /// v, [B, C, H, W]: −1 asks for the posterior variance, +1 for β (2102.09672, eq. 15). nil if it was not learned.
  package let varianceLogits: Tensor?

  package init(noise: Tensor, varianceLogits: Tensor? = nil) {
    self.noise = noise
    self.varianceLogits = varianceLogits
  }

  /// Splits a model's output [B, C or 2C, H, W] into C noise channels and, if there are more, C variance channels.
  package init(output: Tensor, latentChannels: Int) throws {
    let shape = output.shape
    precondition(
      shape.count == 4 && (shape[1] == latentChannels || shape[1] == 2 * latentChannels),
      "an output of \(shape) does not hold \(latentChannels) or \(2 * latentChannels) channels")
    if shape[1] == latentChannels {
      self.init(noise: output)
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
    try self.init(noise: half(0), varianceLogits: half(1))
  }
}
