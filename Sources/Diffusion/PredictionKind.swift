import DiTTensors

/// What a model says of noisy latents x = signal · x₀ + noise · ε. Each kind implies both the noise and the picture.
package enum PredictionKind: String, Sendable, CaseIterable {
  /// ε (Ho et al., 2006.11239): DiT, PixArt, U-ViT.
  case noise = "epsilon"
  /// x₀ itself.
  case sample
  /// v = signal · ε − noise · x₀, with signal² + noise² = 1 (Salimans & Ho, 2202.00512, appendix D).
  case velocity = "v_prediction"
  /// The velocity of a straight path, ε − x₀, with signal + noise = 1 (Liu et al., 2209.03003).
  case flow = "flow_prediction"

  /// ε of a model's output.
  /// - Parameters:
  ///   - output: [B, C, H, W]; `latents`: x, of the same shape, at `level`.
  package func noise(_ output: Tensor, of latents: Tensor, at level: NoiseLevel) throws -> Tensor {
    switch self {
    case .noise: output
    case .sample: try weightedSum((1 / level.noise, latents), (-level.signal / level.noise, output))
    case .velocity: try weightedSum((level.signal, output), (level.noise, latents))
    case .flow: try weightedSum((level.signal, output), (1, latents))
    }
  }

  /// x₀ of a model's output. All kinds but noise say it where no signal is left, too.
  func original(_ output: Tensor, of latents: Tensor, at level: NoiseLevel) throws -> Tensor {
    switch self {
    case .noise: try weightedSum((1 / level.signal, latents), (-level.sigma, output))  // 2006.11239, eq. 15
    case .sample: try output.copy()
    case .velocity: try weightedSum((level.signal, latents), (-level.noise, output))
    case .flow: try weightedSum((1, latents), (-level.noise, output))
    }
  }

  /// What a perfect model of this kind would say.
  package func output(original: Tensor, noise: Tensor, at level: NoiseLevel) throws -> Tensor {
    switch self {
    case .noise: noise
    case .sample: original
    case .velocity: try weightedSum((level.signal, noise), (-level.noise, original))
    case .flow: try weightedSum((1, noise), (-1, original))
    }
  }
}
