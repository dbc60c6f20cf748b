import DiTDiffusion
import DiTTensors

/// The squared error of the noise that a model says is in noisy latents (arXiv 2006.11239, eq. 14), weighed by timestep: min-SNR
/// (arXiv 2303.09556) keeps those with little noise from counting most.
package struct NoiseLoss: Sendable {
  package let schedule: NoiseSchedule
  /// γ: of a timestep with more signal than this, signal to noise, so much counts as is over it; nil: all count alike.
  package let gamma: Double?

  package init(_ schedule: NoiseSchedule, gamma: Double? = 5) { (self.schedule, self.gamma) = (schedule, gamma) }

  /// min(1, γ (1 − ᾱ) / ᾱ).
  package func weight(_ timestep: Int) -> Float {
    let alpha = schedule.level(timestep: Double(timestep)).alphaCumprod
    return gamma.map { Float(min(1, $0 * (1 - alpha) / alpha)) } ?? 1
  }

  /// √ᾱ x₀ + √(1 − ᾱ) ε of each picture at its own timestep, [B, C, H, W].
  package func noised(_ latents: Tensor, _ noise: Tensor, _ timesteps: [Int]) throws -> Tensor {
    try Tensor.concatenated(
      timesteps.enumerated().map { index, timestep in
        try NoiseSchedule.noised(
          latents.slice(index, count: 1), with: noise.slice(index, count: 1),
          at: schedule.level(timestep: Double(timestep)))
      })
  }

  /// The weighed errors of some pictures of a batch, and what the loss, their mean over the batch, changes by for their outputs.
  /// - Parameters:
  ///   - output: [B, C or 2·C, H, W]; variances, behind the noise, take no part.
  ///   - noise: [B, C, H, W].
  ///   - batch: pictures of the batch.
  ///   - gradient: like `output`, added to.
  /// - Returns: for each picture its error before it is weighed.
  package func errors(
    _ output: Tensor, _ noise: Tensor, _ timesteps: [Int], batch: Int, addingTo gradient: Tensor
  ) -> [Float] {
    NoiseLoss.errors(output, noise, weights: timesteps.map(weight), batch: batch, addingTo: gradient)
  }

  /// Likewise, with a weight for each picture.
  package static func errors(
    _ output: Tensor, _ noise: Tensor, weights: [Float], batch: Int, addingTo gradient: Tensor
  ) -> [Float] {
    let count = noise.count / noise.shape[0]
    let stride = output.count / output.shape[0]
    return output.withFloats { output in
      noise.withFloats { noise in
        gradient.withFloats { gradient in
          weights.enumerated().map { picture, weight in
            let share = 2 * weight / (Float(batch) * Float(count))
            var sum = 0.0
            for i in 0..<count {
              let difference = output[picture * stride + i] - noise[picture * count + i]
              sum += Double(difference) * Double(difference)
              gradient[picture * stride + i] += share * difference
            }
            return Float(sum / Double(count))
          }
        }
      }
    }
  }
}
