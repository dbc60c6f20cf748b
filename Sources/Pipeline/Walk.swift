import DiTDiffusion
import DiTModels
import DiTTensors
import DiTTransformer

/// A sampler's way from noise to what is drawn, of several requests together.
package struct Walk {
  private let sampler: any Sampler
  private let kind: PredictionKind
  private let denoiser: GuidedDenoiser
  /// How what is drawn lies in the states.
  package let form: DrawnForm
  /// Steps of the sampler.
  package var count: Int { sampler.plan.count }

  /// - Parameters:
  ///   - step: what is drawn, and what it is given.
  ///   - known: one for each request.
  ///   - windows: over pictures that are larger than the transformer draws well.
  ///   - grid: patches of one picture.
  ///   - unknown: noise for what is not known of a picture, by the number of the request.
  /// - Throws: where memory is short.
  package init(
    _ transformer: any DiffusionTransformer, _ folder: ModelFolder, _ step: UniDiffuserMode, known: [KnownPair],
    _ sampler: any Sampler, _ guidance: Guidance, savings: Savings = Savings(), windows: WindowLayout? = nil, grid: Grid,
    unknown: @escaping (Int) -> UnknownNoise.Draw
  ) throws {
    self.sampler = sampler
    kind = folder.scheduler.schedule.prediction
    let p = folder.transformer.patchSize
    form = folder.transformer.form(
      drawing: step.drawn, latents: [folder.transformer.latentChannels, grid.height * p, grid.width * p])
    let noises = known.enumerated().map { index, known in
      let isAlone = step.drawn.count == 1 && known.condition(step).segments.isEmpty
      return UnknownNoise(isFresh: !(isAlone && folder.traits.keepsUnknownNoise), draw: unknown(index))
    }
    let isPlain = step.drawn.count == 1
    denoiser = try GuidedDenoiser(
      transformer, conditional: zip(known, noises).map { $0.condition(step, $1) },
      branches: step.drawn.map { [form] drawn in
        GuidedDenoiser.Branch(
          zip(known, noises).map { $0.branch(drawn, $1) }, numbers: isPlain ? nil : form.range(of: drawn))
      },
      guidance: guidance, kind: kind, grid: grid, levels: sampler.evaluationLevels, savings: savings, windows: windows)
  }

  /// Standard normal noise as the sampler begins with it; it is written over.
  package func start(_ noise: Tensor) -> Tensor { sampler.start(noise) }

  package func recordAttention() throws { try denoiser.recordAttention() }
  func attention() throws -> [Tensor]? { try denoiser.attention() }
  func savedWork(tailShares: [Double]) -> [SavedWork] { denoiser.savedWork(tailShares: tailShares) }

  /// All steps.
  /// - Parameters:
  ///   - start: standard normal noise in the form, [N] + its shape, as the sampler begins with it.
  ///   - held: places that stay as they are.
  ///   - noise: more of it, for samplers that need some.
  ///   - observe: sees every step as it ends.
  /// - Returns: what is drawn, [N] + the form's shape.
  package func run(
    from start: Tensor, held: KnownLatents? = nil, noise: () throws -> Tensor, probe: Probe? = nil,
    observe: (Int, SamplerStep) throws -> Void = { _, _ in }
  ) throws -> Tensor {
    var sampler = sampler
    return try sampler.run(
      from: start,
      predict: { state, evaluation in
        var prediction = try denoiser.predict(state, evaluation: evaluation, probe: probe)
        if let held { prediction = try held.holding(prediction, state, at: denoiser.level(evaluation)) }
        try probe?(.guidedNoise(evaluation: evaluation), prediction.noise(of: state, at: denoiser.level(evaluation)))
        return prediction
      }, noise: noise, observe: observe)
  }
}
