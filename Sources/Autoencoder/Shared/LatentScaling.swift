import DiTTensors

/// How a model's latents z relate to what its `AutoencoderKL` decodes: z / factor · std + mean + shift.
///
/// `factor` and `shift` are diffusers' `scaling_factor` and `shift_factor`; mean and std, one a channel, are rarely there.
package struct LatentScaling: Sendable, Equatable {
  package let factor: Float
  package let shift: Float
  package let mean: [Float]?
  package let std: [Float]?

  package init(factor: Float, shift: Float = 0, mean: [Float]? = nil, std: [Float]? = nil) {
    (self.factor, self.shift, self.mean, self.std) = (factor, shift, mean, std)
  }

  /// Stable Diffusion 1 and 2, DiT, PixArt-α (Rombach et al. 2022, appendix G).
  package static let stableDiffusion = LatentScaling(factor: 0.18215)
  /// SDXL, PixArt-Σ.
  package static let stableDiffusionXL = LatentScaling(factor: 0.13025)
  /// SANA.
  package static let sana = LatentScaling(factor: 0.41407)

  /// Latents [B, C, h, w] as the transformer sees them -> as the decoder takes them.
  package func unscaled(_ latents: Tensor) throws -> Tensor {
    try latents.mapChannels { value, c in value / factor * (std?[c] ?? 1) + (mean?[c] ?? 0) + shift }
  }

  /// Latents [B, C, h, w] as the encoder makes them -> as the transformer sees them.
  package func scaled(_ latents: Tensor) throws -> Tensor {
    try latents.mapChannels { value, c in (value - shift - (mean?[c] ?? 0)) / (std?[c] ?? 1) * factor }
  }
}

extension Tensor {
  /// Planes [B, C, h, w] with every number replaced, given its channel.
  func mapChannels(_ body: (Float, Int) -> Float) throws -> Tensor {
    let result = try copy()
    let (channels, area) = (shape[1], shape[2] * shape[3])
    result.withFloats { values in
      for i in values.indices { values[i] = body(values[i], i / area % channels) }
    }
    return result
  }
}
