import DiTDiffusion
import DiTTensors
import DiTTransformer

/// The transformer with classifier-free guidance: conditional and unconditional branch in one batch.
package final class GuidedDenoiser {
  private let run: any TransformerRun
  private let guidance: Guidance
  private let kind: PredictionKind
  private let levels: [NoiseLevel]
  private let count: Int
  /// Without guidance, or where both branches are the same, the conditional one is enough.
  private let both: Bool

  /// - Parameters:
  ///   - conditional, unconditional: one for each picture.
  ///   - kind: what the transformer predicts.
  ///   - levels: one for each evaluation.
  package init(
    _ transformer: any DiffusionTransformer, conditional: [Condition], unconditional: [Condition], guidance: Guidance,
    kind: PredictionKind, grid: Grid, levels: [NoiseLevel]
  ) throws {
    self.guidance = guidance
    self.kind = kind
    self.levels = levels
    count = conditional.count
    both = guidance.scale != 1 && zip(conditional, unconditional).contains { a, b in
      !a.isSame(as: b)
    }
    let batch = conditional + (both ? unconditional : [])
    run = try transformer.prepare(
      batch, grid: grid, timesteps: levels.map { Array(repeating: Float($0.timestep), count: batch.count) })
  }

  /// How noisy latents are at an evaluation.
  package func level(_ evaluation: Int) -> NoiseLevel { levels[evaluation] }

  package func recordAttention() throws { try run.recordAttention() }

  /// Per block the attention of the conditional branch, averaged over evaluations and heads: [N, tokens, text length].
  package func attention() throws -> [Tensor]? {
    try run.attentionMaps?.map { sum in
      let mean = try sum.slice(0, count: count).copy()
      mean.withFloats { values in
        for index in values.indices { values[index] /= Float(levels.count) }
      }
      return mean
    }
  }

  /// The guided prediction [N, C, h, w] and variance logits, which stay those of the conditional branch.
  package func predict(_ latents: Tensor, evaluation: Int, probe: Probe? = nil) throws -> Prediction {
    let channels = latents.shape[1]
    let guided = both && guidance.isActive(at: Float(levels[evaluation].timestep))
    let output = try run.predict(
      guided ? Tensor.concatenated([latents, latents]) : latents, evaluation: evaluation, probe: probe)
    try probe?(.branches(evaluation: evaluation), output)
    func prediction(_ first: Int) throws -> Prediction {
      try Prediction(output: output.slice(first, count: count), latentChannels: channels, kind: kind)
    }
    let conditional = try prediction(0)
    guard guided else { return conditional }
    let combined = try guidance.combine(conditional: conditional, unconditional: prediction(count))
    return try guidance.projected(combined, conditional: conditional, latents: latents, at: level(evaluation))
  }
}
