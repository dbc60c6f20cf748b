import Diffusion
import Tensors
import Transformer

/// The two branches of classifier-free guidance (Ho and Salimans, arXiv 2207.12598) for one picture.
struct GuidedCondition {
  var condition: Condition
  var unconditional: Condition
  var scale: Float

  /// One branch is enough where the scale makes the other vanish or both are the same.
  var needsBothBranches: Bool {
    scale != 1 && (condition.classIndex != unconditional.classIndex || condition.text?.storage !== unconditional.text?.storage)
  }
}

/// The transformer with guidance: conditional and unconditional branch in one batch.
final class GuidedDenoiser {
  private let run: DiTRun
  private let conditions: [GuidedCondition]
  private let both: Bool

  /// - Parameter timesteps: one for each evaluation.
  init(_ transformer: DiT, _ conditions: [GuidedCondition], grid: Grid, timesteps: [Float]) {
    self.conditions = conditions
    both = conditions.contains(where: \.needsBothBranches)
    let batch = conditions.map(\.condition) + (both ? conditions.map(\.unconditional) : [])
    run = DiTRun(
      transformer, conditions: batch, grid: grid,
      timesteps: timesteps.map { Array(repeating: $0, count: batch.count) })
  }

  /// Guided noise [N, C, h, w] and variance logits, which stay those of the conditional branch.
  func predict(_ latents: Tensor, evaluation: Int, observe: Observer? = nil) -> Prediction {
    let count = conditions.count
    let channels = latents.shape[1]
    let output = run.predict(both ? Tensor.concatenated([latents, latents]) : latents, evaluation: evaluation)
    observe?("output\(evaluation)", output)
    let conditional = split(output.slice(0, count: count), channels)
    guard both else { return conditional }
    let unconditional = split(output.slice(count, count: count), channels).noise
    let perPicture = latents.count / count
    conditional.noise.withFloats { guided in
      unconditional.withFloats { u in
        for (picture, condition) in conditions.enumerated() where condition.needsBothBranches {
          for i in picture * perPicture..<(picture + 1) * perPicture {
            guided[i] = u[i] + condition.scale * (guided[i] - u[i])
          }
        }
      }
    }
    return conditional
  }

  /// [N, 2·C or C, h, w] -> noise and logits, each [N, C, h, w].
  private func split(_ output: Tensor, _ channels: Int) -> Prediction {
    guard output.shape[1] > channels else { return Prediction(noise: output.copy(), varianceLogits: nil) }
    let pictures = (0..<output.shape[0]).map { output.slice($0, count: 1).reshaped(Array(output.shape.dropFirst())) }
    let half = { (start: Int) in
      Tensor.concatenated(pictures.map { $0.slice(start, count: channels).reshaped([1, channels] + output.shape.suffix(2)) })
    }
    return Prediction(noise: half(0), varianceLogits: half(channels))
  }
}
