import DiTDiffusion
import DiTModels
import DiTTensors
import DiTTransformer

/// One way of a drawing through the steps of a sampler, at one size.
struct SamplingPass {
  let requests: [GenerationRequest]
  /// In pixels.
  let size: PictureSize
  let sampler: any Sampler
  /// How much of the way from noise is gone.
  let strength: Double
  /// Latents [N or 1, C, h, w] to start from, with as much noise as the strength asks for; nil: noise.
  var origin: Tensor?
  /// What is held where a mask says so.
  var known: KnownLatents?
  /// Nil: the whole picture at once.
  var windows: WindowLayout?

  init(_ requests: [GenerationRequest], size: PictureSize, _ sampler: any Sampler, strength: Double) {
    (self.requests, self.size, self.sampler, self.strength) = (requests, size, sampler, strength)
  }

  /// The latents of the first step.
  /// - Parameter noise: [N, C, h, w]; it is written over.
  func start(_ noise: Tensor) throws -> Tensor {
    if let origin, strength < 1 {
      let count = noise.shape[0]
      let all = origin.shape[0] == count ? origin : try Tensor.concatenated(Array(repeating: origin, count: count))
      return try NoiseSchedule.noised(all, with: noise, at: sampler.plan.levels[0])
    }
    return sampler.start(noise)
  }
}

extension DrawingEvent {
  /// The event of a pass as one of the whole drawing: `done` steps came before it, of `steps` in all.
  func counted(after done: Int, of steps: Int) -> DrawingEvent {
    switch self {
    case .predictedOriginal(let step, let latents): .predictedOriginal(step: done + step, latents)
    case .step(let step, _): .step(done + step, of: steps)
    case .attention, .decoding, .finished: self
    }
  }
}
