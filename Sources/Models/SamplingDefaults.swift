import DiTDiffusion

/// How a kind of model is sampled where the user says nothing.
package struct SamplingDefaults: Sendable {
  package var steps = 25
  package var sampler = "dpm++"
  package var guidanceScale: Float = 4
  package var channels = Guidance.Channels.all
  package var schedule = NoiseSchedule.dit

  init(_ transformer: TransformerDescription) throws {
    switch transformer {
    case .dit(let configuration) where configuration.textSize != nil: break
    case .dit(let configuration):
      // The published code: scale 4 on three channels. Its 250 ancestral steps are `--sampler ddpm --steps 250`.
      // diffusers guides every channel.
      guidanceScale = 4
      channels = configuration.compatibility == .diffusers ? .all : .official
    case .pixArt:
      steps = 20
      guidanceScale = 4.5
    case .uvit:
      // The original's scale 0.4 counts from the conditional prediction; its latents' schedule is Stable Diffusion's.
      steps = 50
      guidanceScale = 1.4
      schedule = try NoiseSchedule(.scaledLinear, betaStart: 0.00085, betaEnd: 0.012)
    }
  }
}
