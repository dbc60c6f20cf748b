/// What a scheduler's configuration says about its timesteps beside their spacing.
package struct SpacingDetails: Sendable, Equatable {
  /// Added to the timesteps of `leading` (`steps_offset`).
  package var offset = 0
  /// Whether `leading` takes ⌊T/(N+1)⌋ and leaves 0 out, as diffusers' multistep solvers do.
  package var leavesZeroOut = false
  /// Fractional timesteps lie between their neighbours in σ, not ln σ (`interpolation_type`).
  package var interpolatesSigmas = false
  /// Timesteps with a smaller λ are not visited (`lambda_min_clipped`).
  package var minimumLambda: Double?

  package init() {}
}
