/// What a user can choose about a run, whatever the sampler.
package struct SamplerSettings: Sendable, Equatable {
  /// Steps of a whole run, 1...T.
  package var steps: Int
  /// Which levels are visited; nil leaves it to the sampler.
  package var spacing: Spacing?
  /// DiT's respacing text ("250", "10,20,5", "ddim50"); it replaces `steps` and `spacing`.
  package var respacing: String?
  /// Share of fresh noise in DDIM: 0 is deterministic, 1 like DDPM (2010.02502, eq. 16).
  package var eta: Double
  /// Hold the predicted picture within ±1: for models of pixels, not of latents.
  package var clip: Bool
  /// 1 starts from noise; less keeps as much of a given picture (see ``StepPlan/truncated(strength:)``).
  package var strength: Double

  package init(
    steps: Int, spacing: Spacing? = nil, respacing: String? = nil, eta: Double = 0, clip: Bool = false,
    strength: Double = 1
  ) {
    self.steps = steps
    self.spacing = spacing
    self.respacing = respacing
    self.eta = eta
    self.clip = clip
    self.strength = strength
  }
}
