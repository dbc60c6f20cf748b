import DiTTensors

/// A way to walk from noise to a picture.
///
/// To add one: write a file in `Samplers/` and a line in ``SamplerRegistry``. The state between steps is always
/// variance preserving, x = √ᾱ·x₀ + √(1−ᾱ)·ε, which is what the model sees; a sampler that thinks in σ scales inside.
package protocol Sampler: Sendable {
  /// As on the command line.
  static var name: String { get }
  /// One line for a list of samplers: what it is and where it is from.
  static var summary: String { get }
  /// The levels it visits when the user names none.
  static var spacing: Spacing { get }
  /// Whether ``SamplerSettings/eta`` means something to it.
  static var acceptsEta: Bool { get }

  init(plan: StepPlan, settings: SamplerSettings)

  /// The noise levels it visits.
  var plan: StepPlan { get }
  /// Timesteps at which the model is asked, in order, on the original scale; conditioning can be prepared from them.
  var evaluations: [Float] { get }
  /// What standard normal noise is multiplied with to start a run.
  var initialScale: Float { get }

  /// Takes step `index`; steps are taken once, in order, from 0 to `plan.count − 1`.
  /// - Parameters:
  ///   - latents: the state at `plan.levels[index]`, [B, C, H, W]. It is not written to.
  ///   - predict: asks the model about latents, at an index into ``evaluations``.
  ///   - noise: new standard normal noise for the whole batch, [B, C, H, W].
  mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep
}

extension Sampler {
  package static var acceptsEta: Bool { false }

  /// One a step, in visiting order, on the original scale.
  package var timesteps: [Float] { plan.levels.map { Float($0.timestep) } }
  package var evaluations: [Float] { timesteps }
  package var initialScale: Float { 1 }

  /// All steps from `latents` on.
  /// - Parameter observe: sees every step as it ends.
  /// - Returns: the clean latents, [B, C, H, W].
  package mutating func run(
    from latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor,
    observe: (Int, SamplerStep) throws -> Void = { _, _ in }
  ) throws -> Tensor {
    var latents = latents
    for index in 0..<plan.count {
      let step = try step(index, latents, predict: predict, noise: noise)
      try observe(index, step)
      latents = step.latents
    }
    return latents
  }
}
