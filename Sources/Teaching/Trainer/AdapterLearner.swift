import DiTCheckpoints
import DiTDiffusion
import DiTErrors
import DiTModels
import DiTTensors
import DiTTraining
import DiTTransformer
import Foundation

/// Teaches adapters of low rank beside the layers of a model's blocks; what its modulation is made of stays as it is.
///
/// Settings as prototypes found them best (docs/TEACHING.md): every third sample one that the model drew, min-SNR 5, AdamW.
package final class AdapterLearner: Learner {
  package private(set) var samples = 0
  private let trainer: AdapterTrainer
  private let settings: LearnerSettings
  private var planned = 0
  private let latentFactor: Int
  private let styles: StyleTimesteps

  /// Over so many samples the rate rises, and over this share of the last ones it falls to this share of itself.
  private static let warmUp = 80.0, decay = 0.3, least = 0.05

  /// - Throws: `UserError` where the model's family cannot be taught.
  package init(_ folder: ModelFolder, backend: Backend, _ settings: LearnerSettings) throws {
    self.settings = settings
    let tape = Tape(recomputes: settings.recomputes)
    let taped = try Backend(
      backend.kind, precision: backend.precision, threads: backend.threads, cpu: backend.cpuLevel, tape: tape)
    let checkpoint = try folder.transformerCheckpoint()
    let names = folder.transformer.names(in: checkpoint)
    let adapters = AdapterSet(rank: settings.rank, alpha: Double(settings.rank), names: names, seed: settings.seed)
    let attentionAlone = folder.transformer.hiddenSize > 512
    let model = try folder.transformer.network(
      Parameters(checkpoint, names: names, backend: taped) { layer, outputs, inputs in
        let isTaught = layer.hasPrefix("blocks.") && !layer.contains("adaLN") && !(attentionAlone && layer.contains("mlp."))
        return isTaught ? try adapters.adapter(layer, outputs, inputs) : nil
      })
    guard !adapters.entries.isEmpty else { throw TeachingError.family(folder.name) }
    trainer = try AdapterTrainer(model, tape, adapters, NoiseLoss(folder.defaults.schedule))
    latentFactor = folder.autoencoder.scaleFactor
    styles = StyleTimesteps(of: trainer.loss.schedule.trainTimesteps)
  }

  package func plan(samples: Int) { planned = samples }

  /// The rate at a sample of those that are planned.
  private var rate: Double {
    let at = Double(samples), end = Double(planned)
    let rising = min(1, (at + 1) / Self.warmUp)
    guard planned > 0 else { return settings.rate * rising }  // the first steps, by which the time decides
    let left = (end - at) / (end * Self.decay)
    return settings.rate * rising * min(1, max(Self.least, left))
  }

  package func learn(_ lessons: [Lesson]) throws -> Float {
    let examples = try lessons.enumerated().map { index, lesson in
      // One sequence of random numbers a sample: what is gone on with ends as what was not interrupted.
      try example(lesson, TorchRandom(seed: settings.seed &+ UInt64(samples + index) &* 0x9e37_79b9))
    }
    let loss = try trainer.step(examples, rate: rate).loss
    samples += lessons.count
    guard loss.isFinite else { throw TeachingError.notFinite(sample: samples) }
    return loss
  }

  /// An example of a lesson at a timestep by chance.
  private func example(_ lesson: Lesson, _ random: TorchRandom) throws -> TrainingExample {
    var random = random
    let chance = random.uniform()
    guard let texts = lesson.style else {
      return try example(lesson, &random, Int(chance * Float(trainer.loss.schedule.trainTimesteps)), text: lesson.states)
    }
    let timestep = styles.chosen(chance, isOwn: lesson.isOwn)
    let isTold = !lesson.isOwn || random.uniform() >= StyleTimesteps.untold
    let (asked, plain) = isTold ? (texts.asked, texts.plain) : (texts.none, texts.none)
    guard timestep >= styles.shapes else { return try example(lesson, &random, timestep, text: lesson.isOwn ? plain : asked) }
    let known = try example(lesson, &random, timestep, text: plain)
    return TrainingExample(
      latents: known.latents, noise: known.noise, target: try trainer.ownPrediction(known), timestep: timestep,
      condition: condition(lesson, text: asked))
  }

  private func example(_ lesson: Lesson, _ random: inout TorchRandom, _ timestep: Int, text: Tensor?) throws -> TrainingExample {
    let shape = [1] + lesson.latents.shape
    return TrainingExample(
      latents: lesson.latents.reshaped(shape), noise: try random.randn(shape), timestep: timestep,
      condition: condition(lesson, text: text))
  }

  private func condition(_ lesson: Lesson, text: Tensor?) -> Condition {
    let (height, width) = (lesson.latents.shape[1] * latentFactor, lesson.latents.shape[2] * latentFactor)
    return Condition(
      classIndex: lesson.classIndex, text: text, extent: PictureExtent(height: Float(height), width: Float(width)))
  }

  package func error(of lessons: [Lesson], isTaught: Bool) throws -> Float {
    guard isTaught else { return try trainer.adapters.leavingOut { try error(of: lessons, isTaught: true) } }
    // Two timesteps of each, all of them spread over the whole way, or over that at which a style is learnt. Weighed as for learning:
    // else those would decide at which there is hardly any noise, and nothing of a shape.
    let passes = 2
    var sum: Float = 0
    for (index, lesson) in lessons.enumerated() {
      let count = lesson.style == nil || lesson.isOwn ? trainer.loss.schedule.trainTimesteps : styles.shapes
      for pass in 0..<passes {
        let place = (passes * index + pass) * 2 + 1
        let timestep = place * count / (2 * passes * lessons.count)
        var random = TorchRandom(seed: UInt64(1_000_000 + place))
        _ = random.uniform()  // in whose place the timestep is
        let error = try trainer.error(of: example(lesson, &random, timestep, text: lesson.states))
        sum += trainer.loss.weight(timestep) * error
      }
    }
    return sum / Float(passes * lessons.count)
  }

  package func tensors() throws -> [(name: String, tensor: Tensor)] {
    try trainer.adapters.tensors().map { ("base_model.model." + $0.name, $0.tensor) }
  }

  // MARK: going on

  private var state: [(name: String, tensor: Tensor)] {
    trainer.adapters.parameters.enumerated().flatMap { index, parameter in
      [
        ("\(index).values", parameter.values), ("\(index).mean", trainer.optimiser.means[index]),
        ("\(index).square", trainer.optimiser.squares[index]),
      ]
    }
  }

  /// What a state has to agree in.
  private var marks: [String: String] {
    [
      "rank": "\(settings.rank)", "rate": "\(settings.rate)", "seed": "\(settings.seed)", "style": "\(settings.isStyle)",
      "model": settings.modelHash,
    ]
  }

  package func save(to url: URL) throws {
    let counters = ["samples": "\(samples)", "steps": "\(trainer.optimiser.steps)"]
    var writer = SafetensorsWriter(url, metadata: marks.merging(counters) { own, _ in own })
    for (name, tensor) in state { try writer.add(TensorName(name), tensor) }
    try writer.write()
  }

  package func restore(from url: URL) throws {
    let stored = try openCheckpoint(at: url)
    let changed = marks.filter { stored.metadata[$0.key] != $0.value }.keys.sorted()
    guard changed.isEmpty else { throw TeachingError.otherSettings(path: url.path, changed: changed) }
    guard let samples = stored.metadata["samples"].flatMap({ Int($0) }), let steps = stored.metadata["steps"].flatMap({ Int($0) }),
      (0...1_000_000_000).contains(samples), (0...1_000_000_000).contains(steps)
    else { throw TeachingError.damaged(path: url.path, reason: "no count of samples") }
    for (name, tensor) in state { try stored.tensor(name, shape: tensor.shape).copy(into: tensor) }
    self.samples = samples
    trainer.resume(after: steps)
  }
}
