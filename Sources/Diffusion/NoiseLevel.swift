import Foundation

/// One place on the way from noise to picture: x = signal · x₀ + noise · ε.
///
/// ᾱ (Ho et al., 2006.11239, eq. 4), the share of the variance that is signal, fixes the ratio of the two. Diffusion keeps
/// the variance, signal² + noise² = 1; a straight path keeps the sum. `timestep` is what the model is told.
package struct NoiseLevel: Sendable, Equatable {
  /// On the original training scale, 0...999 for DiT; fractional between two training steps.
  package let timestep: Double
  /// ᾱ, the share of the variance that is signal: 1 is clean, near 0 is noise.
  package let alphaCumprod: Double
  /// √ᾱ where the variance is kept.
  package let signal: Double
  /// √(1−ᾱ) where the variance is kept.
  package let noise: Double

  package init(timestep: Double, alphaCumprod: Double) {
    self.timestep = timestep
    self.alphaCumprod = alphaCumprod
    signal = alphaCumprod.squareRoot()
    noise = (1 - alphaCumprod).squareRoot()
  }

  /// On the straight path x = (1 − t) · x₀ + t · ε of flow models (2209.03003).
  /// - Parameter share: t, at least 0 and below 1.
  package init(timestep: Double, straight share: Double) {
    self.timestep = timestep
    (signal, noise) = (1 - share, share)
    alphaCumprod = signal * signal / (signal * signal + noise * noise)
  }

  /// On the circle x = cos(a) · x₀ + sin(a) · ε of TrigFlow (2410.11081); the model is told the angle.
  package init(angle: Double) {
    timestep = angle
    (signal, noise) = (cos(angle), sin(angle))
    alphaCumprod = signal * signal
  }

  /// The end of every run: no noise left.
  package static let clean = NoiseLevel(timestep: 0, alphaCumprod: 1)

  /// Noise over signal, the σ of Karras et al. (2206.00364); 0 when clean.
  package var sigma: Double { ((1 - alphaCumprod) / alphaCumprod).squareRoot() }
  /// Half the log signal-to-noise ratio, the λ of DPM-Solver (2206.00927); +∞ when clean.
  package var lambda: Double { -log(sigma) }
}
