import DiTTensors

/// What the loop around the transformer shows.
extension ProbePoint {
  /// What the transformer gave, conditional branch first, [N or 2·N, C or 2·C, h, w].
  package static func branches(evaluation: Int) -> ProbePoint { ProbePoint(.drawing, "output", evaluation) }
  /// The noise that the sampler is told, [N, C, h, w].
  package static func guidedNoise(evaluation: Int) -> ProbePoint { ProbePoint(.drawing, "eps", evaluation) }
  /// The state after so many steps, [N, C, h, w].
  package static func state(steps: Int) -> ProbePoint { ProbePoint(.drawing, "x", steps) }
  /// What is decoded, [N, C, h, w].
  package static let latents = ProbePoint(.drawing, "latents")
  /// In 0…1, not yet clamped, [N, 3, H, W].
  package static let image = ProbePoint(.drawing, "image")
}
