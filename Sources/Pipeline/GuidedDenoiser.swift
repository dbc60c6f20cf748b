import DiTDiffusion
import DiTTensors
import DiTTransformer

/// The transformer with classifier-free guidance: conditional and unconditional branch in one batch.
package final class GuidedDenoiser {
  private let run: any TransformerRun
  private let guidance: Guidance
  private let schedule: NoiseSchedule
  private let timesteps: [Float]
  private let count: Int
  /// Without guidance, or where both branches are the same, the conditional one is enough.
  private let both: Bool

  /// - Parameters:
  ///   - conditional, unconditional: one for each picture.
  ///   - timesteps: one for each evaluation.
  package init(
    _ transformer: any DiffusionTransformer, conditional: [Condition], unconditional: [Condition], guidance: Guidance,
    schedule: NoiseSchedule, grid: Grid, timesteps: [Float]
  ) throws {
    self.guidance = guidance
    self.schedule = schedule
    self.timesteps = timesteps
    count = conditional.count
    both = guidance.scale != 1 && zip(conditional, unconditional).contains { a, b in
      !a.isSame(as: b)
    }
    let batch = conditional + (both ? unconditional : [])
    run = try transformer.prepare(
      batch, grid: grid, timesteps: timesteps.map { Array(repeating: $0, count: batch.count) })
  }

  /// How noisy latents are at an evaluation.
  package func level(_ evaluation: Int) -> NoiseLevel { schedule.level(timestep: Double(timesteps[evaluation])) }

  package func recordAttention() throws { try run.recordAttention() }

  /// Per block the attention of the conditional branch, averaged over evaluations and heads: [N, tokens, text length].
  package func attention() throws -> [Tensor]? {
    try run.attentionMaps?.map { sum in
      let mean = try sum.slice(0, count: count).copy()
      mean.withFloats { values in
        for index in values.indices { values[index] /= Float(timesteps.count) }
      }
      return mean
    }
  }

  /// Guided noise [N, C, h, w] and variance logits, which stay those of the conditional branch.
  package func predict(_ latents: Tensor, evaluation: Int, observe: Observer? = nil) throws -> Prediction {
    let channels = latents.shape[1]
    let guided = both && guidance.isActive(at: timesteps[evaluation])
    let output = try run.predict(
      guided ? Tensor.concatenated([latents, latents]) : latents, evaluation: evaluation, observe: nil)
    try observe?("output\(evaluation)", output)
    let conditional = try Prediction(output: output.slice(0, count: count), latentChannels: channels)
    guard guided else { return conditional }
    let combined = try guidance.combine(
      conditional: conditional,
      unconditional: Prediction(output: output.slice(count, count: count), latentChannels: channels))
    return try guidance.projected(combined, conditional: conditional, latents: latents, at: level(evaluation))
  }
}
