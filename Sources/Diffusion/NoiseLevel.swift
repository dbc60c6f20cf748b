import Foundation

/// One place on the way from noise to picture: x = signal · x₀ + noise · ε, with signal² + noise² = 1.
///
/// ᾱ (Ho et al., 2006.11239, eq. 4) fixes everything else; `timestep` is what the model is told.
package struct NoiseLevel: Sendable, Equatable {
  /// On the original training scale, 0...999 for DiT; fractional between two training steps.
  package let timestep: Double
  /// ᾱ, the share of the variance that is signal: 1 is clean, near 0 is noise.
  package let alphaCumprod: Double

  package init(timestep: Double, alphaCumprod: Double) {
    self.timestep = timestep
    self.alphaCumprod = alphaCumprod
  }

  /// The end of every run: no noise left.
  package static let clean = NoiseLevel(timestep: 0, alphaCumprod: 1)

  /// √ᾱ.
  package var signal: Double { alphaCumprod.squareRoot() }
  /// √(1−ᾱ).
  package var noise: Double { (1 - alphaCumprod).squareRoot() }
  /// Noise over signal, the σ of Karras et al. (2206.00364); 0 when clean.
  package var sigma: Double { ((1 - alphaCumprod) / alphaCumprod).squareRoot() }
  /// Half the log signal-to-noise ratio, the λ of DPM-Solver (2206.00927); +∞ when clean.
  package var lambda: Double { -log(sigma) }
}
