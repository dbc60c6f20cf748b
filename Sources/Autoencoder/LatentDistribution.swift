import Foundation
import DiTTensors

/// What an `AutoencoderKL` makes of a picture: a Gaussian for every latent (Kingma & Welling 2014), before scaling.
package struct LatentDistribution: Sendable {
  /// [B, C, h, w]
  package let mean: Tensor
  /// [B, C, h, w], clamped to −30…20 as in CompVis/latent-diffusion, so that no exponential overflows.
  package let logVariance: Tensor

  /// - Parameter moments: [B, 2C, h, w], the means first.
  init(moments: Tensor) throws {
    let parts = (0..<moments.shape[0]).map { picture in
      let planes = moments.slice(picture, count: 1).reshaped(Array(moments.shape.dropFirst()))  // [2C, h, w]
      let channels = planes.shape[0] / 2
      let shape = [1, channels, planes.shape[1], planes.shape[2]]
      return (
        mean: planes.slice(0, count: channels).reshaped(shape),
        logVariance: planes.slice(channels, count: channels).reshaped(shape)
      )
    }
    mean = try .concatenated(parts.map(\.mean))
    logVariance = try Tensor.concatenated(parts.map(\.logVariance)).mapChannels { value, _ in min(max(value, -30), 20) }
  }

  /// [B, C, h, w]
  package func standardDeviation() throws -> Tensor { try logVariance.mapChannels { value, _ in expf(value / 2) } }

  /// mean + std · noise.
  /// - Parameter noise: [B, C, h, w], standard normal.
  package func sample(_ noise: Tensor) throws -> Tensor {
    precondition(noise.shape == mean.shape, "noise \(noise.shape) for latents \(mean.shape)")
    let result = try standardDeviation()
    result.withFloats { values in
      mean.withFloats { mean in
        noise.withFloats { noise in
          for i in values.indices { values[i] = mean[i] + values[i] * noise[i] }
        }
      }
    }
    return result
  }
}
