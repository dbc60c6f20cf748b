/// What a run is made of, whatever the sampler: what a user can choose, and what a scheduler's configuration says.
package struct SamplerSettings: Sendable, Equatable {
  /// The variance of ``DDPM``.
  package enum Variance: Sendable { case learned, small, large }

  /// Steps of a whole run, 1...T.
  package var steps: Int
  /// Which levels are visited; nil leaves it to the sampler.
  package var spacing: Spacing?
  package var details = SpacingDetails()
  /// DiT's respacing text ("250", "10,20,5", "ddim50"); it replaces `steps` and `spacing`.
  package var respacing: String?
  /// Share of fresh noise: in DDIM 0 is deterministic, 1 like DDPM (2010.02502, eq. 16); in TCD it is γ.
  package var eta: Double
  /// What is done to the predicted picture; nil: nothing.
  package var clipping: Clipping?
  /// 1 starts from noise; less keeps as much of a given picture (see ``StepPlan/truncated(strength:)``).
  package var strength: Double

  // MARK: of one sampler each

  /// 1, 2 or 3, of DPM-Solver++ and UniPC.
  package var order = 2
  /// DPM-Solver++ of Heun's type instead of midpoint.
  package var usesHeunType = false
  /// DPM-Solver++ takes its last steps in lower order if there are fewer than 15 (`lower_order_final`).
  package var lowersFinalOrder = true
  /// DPM-Solver++ takes its last step in first order (`euler_at_final`).
  package var eulerAtFinal = false
  /// The last step ends at the noise of timestep 0 instead of none (`final_sigmas_type`, `set_alpha_to_one`).
  package var endsAtFirstLevel = false
  /// Of DDPM; `learned` is `small` where the model has not learned it.
  package var variance = Variance.learned
  /// Training timesteps of a consistency model.
  package var originalSteps = 50
  /// By which a consistency model's boundary condition multiplies the timestep.
  package var timestepScaling = 10.0

  package init(
    steps: Int, spacing: Spacing? = nil, respacing: String? = nil, eta: Double = 0, clipping: Clipping? = nil,
    strength: Double = 1
  ) {
    self.steps = steps
    self.spacing = spacing
    self.respacing = respacing
    self.eta = eta
    self.clipping = clipping
    self.strength = strength
  }
}
