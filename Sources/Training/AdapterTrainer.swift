import DiTDiffusion
import DiTTensors
import DiTTransformer

/// What a step learns from: latents, the noise that is put into them, and what the model is told of them.
package struct TrainingExample {
  /// [1, C, H, W], as the transformer sees them.
  package let latents, noise: Tensor
  /// What the model learns to say, like `noise`; nil: the noise.
  package let target: Tensor?
  package let timestep: Int
  package let condition: Condition

  package init(latents: Tensor, noise: Tensor, target: Tensor? = nil, timestep: Int, condition: Condition) {
    (self.latents, self.noise, self.target, self.timestep, self.condition) = (latents, noise, target, timestep, condition)
  }
}

/// Teaches adapters: loss, gradients, steps. The model was made with a backend that has a tape, and with the adapters.
package final class AdapterTrainer {
  package let adapters: AdapterSet
  package let loss: NoiseLoss
  package private(set) var optimiser: AdamW
  private let model: any DiffusionTransformer
  private let tape: Tape
  /// Pictures whose intermediate numbers are in memory at a time; more of them take no less time each.
  private let together: Int

  package init(
    _ model: any DiffusionTransformer, _ tape: Tape, _ adapters: AdapterSet, _ loss: NoiseLoss,
    _ settings: AdamW.Settings = .init(), together: Int = 1
  ) throws {
    (self.model, self.tape, self.adapters, self.loss, self.together) = (model, tape, adapters, loss, together)
    optimiser = try AdamW(adapters.parameters, settings)
  }

  /// Goes on behind so many steps, with adapters and moments that were filled in.
  package func resume(after steps: Int) { optimiser.resume(after: steps) }

  /// One step.
  /// - Returns: the loss before it, and the length of the gradients.
  @discardableResult
  package func step(_ examples: [TrainingExample], rate: Double) throws -> (loss: Float, length: Double) {
    let loss = try addGradients(of: examples)
    return (loss, optimiser.step(rate: rate))
  }

  /// The error of the noise in an example, not weighed.
  package func error(of example: TrainingExample) throws -> Float {
    let output = try prediction(example)
    return NoiseLoss.errors(output, example.noise, weights: [1], batch: 1, addingTo: try Tensor(output.shape))[0]
  }

  /// What the model says of an example without what it was taught, [1, C, H, W].
  package func ownPrediction(_ example: TrainingExample) throws -> Tensor {
    let output = try adapters.leavingOut { try prediction(example) }
    return try Prediction(output: output, latentChannels: example.latents.shape[1]).output
  }

  private func prediction(_ example: TrainingExample) throws -> Tensor {
    try prediction([example], loss.noised(example.latents, example.noise, [example.timestep]))
  }

  private func prediction(_ examples: [TrainingExample], _ x: Tensor) throws -> Tensor {
    let grid = Grid(of: x, patchSize: model.patchSize)
    return try model.prepare(examples.map(\.condition), grid: grid, timesteps: [examples.map { Float($0.timestep) }])
      .predict(x, evaluation: 0, probe: nil)
  }

  /// Adds the gradients of the examples' loss to those of the adapters.
  /// - Returns: the loss.
  package func addGradients(of examples: [TrainingExample]) throws -> Float {
    var sum: Float = 0
    var rest = examples[...]
    while let first = rest.first {
      let alike = rest.prefix { $0.latents.shape == first.latents.shape }.prefix(together)
      rest = rest.dropFirst(alike.count)
      sum += try addGradients(of: Array(alike), batch: examples.count)
    }
    return sum / Float(examples.count)
  }

  /// - Returns: the sum of the weighed errors.
  private func addGradients(of examples: [TrainingExample], batch: Int) throws -> Float {
    defer { tape.clear() }
    let latents = try Tensor.concatenated(examples.map(\.latents))
    let noise = try Tensor.concatenated(examples.map(\.noise))
    let timesteps = examples.map(\.timestep)
    let x = try loss.noised(latents, noise, timesteps)
    let output = try tape.record { try prediction(examples, x) }
    let targets = try Tensor.concatenated(examples.map { $0.target ?? $0.noise })
    let errors = try loss.errors(output, targets, timesteps, batch: batch, addingTo: tape.gradient(of: output))
    try tape.backward()
    return zip(errors, timesteps).reduce(0) { $0 + $1.0 * loss.weight($1.1) }
  }
}
