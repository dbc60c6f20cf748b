import DiTCheckpoints
import DiTDiffusion
import DiTErrors
import DiTImage
import DiTTensors
import DiTTextToImage
import DiTTransformer
import Foundation

/// What a picture is drawn from: the four modes that one model was trained in.
package enum ConditionMode: String, CaseIterable, Sendable, Encodable {
  case unconditional
  case classAlone = "class"
  case textAlone = "text"
  case classAndText = "class + text"

  /// The request with what the mode leaves out taken away.
  package func applied(to request: GenerationRequest) -> GenerationRequest {
    var result = request
    if self == .unconditional || self == .classAlone { result.prompt = "" }
    if self == .unconditional || self == .textAlone { result.classIndex = nil }
    return result
  }
}

/// One prompt and class drawn in every mode with the same seeds: what do the words buy over the class, at what cost?
package struct ModeComparison: Sendable {
  package struct Outcome: Sendable {
    package let mode: ConditionMode
    /// One for each seed.
    package let pictures: [GeneratedPicture]
    /// Of one picture, drawn in a batch of all seeds: loop and decoder, without reading the model.
    package let secondsPerPicture: Double
    package let multiplyAddsPerPicture: Int
    /// Mean over the pictures of ``DiTTextToImage/DrawingSession/wordFit(of:prompt:)``.
    package let wordFit: Double
  }

  package let request: GenerationRequest
  package let outcomes: [Outcome]

  /// - Parameters:
  ///   - request: with prompt and class; its seed is the first one.
  ///   - progress: is told how many of how many steps are done.
  /// - Throws: ``ComparisonError``, or what drawing throws.
  package init(
    _ request: GenerationRequest, seeds: Int, session: DrawingSession, progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws {
    guard seeds > 0 else { throw ComparisonError.seeds(seeds) }
    self.request = request
    let modes = ConditionMode.allCases
    let steps = session.model.folder.steps(of: request)
    outcomes = try modes.enumerated().map { index, mode in
      let requests = mode.applied(to: request).withSeeds(seeds)
      // Text states are made before the clock runs: they are kept from mode to mode.
      _ = try session.states(of: requests[0].prompt)
      let start = ContinuousClock.now
      let pictures = try session.draw(requests) { event in
        if case .step(let step, _) = event { try progress(index * steps + step, modes.count * steps) }
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let fits = try session.wordFit(of: pictures, prompt: request.prompt)
      return Outcome(
        mode: mode, pictures: pictures, secondsPerPicture: seconds / Double(pictures.count),
        multiplyAddsPerPicture: try session.model.multiplyAdds(of: requests[0], saved: pictures.compactMap(\.saved)),
        wordFit: fits.reduce(0, +) / Double(fits.count))
    }
  }
}

extension GenerationRequest {
  /// As many requests as there are seeds, counting up.
  package func withSeeds(_ count: Int) -> [GenerationRequest] {
    (0..<max(0, count)).map { index in
      var one = self
      one.seed = seed &+ UInt64(index)
      return one
    }
  }
}

extension TextToImage {
  /// Multiply-adds of drawing one picture: both branches of guidance, text, decoder.
  /// - Parameter saved: what was left out of pictures of this request.
  /// - Throws: ``ComparisonError`` for models whose work is not counted.
  package func multiplyAdds(of request: GenerationRequest, saved: [SavedWork] = []) throws -> Int {
    guard let encoder = try folder.text?.configuration.listing() else { throw ComparisonError.notOurs(folder.name) }
    let grid = folder.drawnGrid(of: request)
    let tokens = try [request.prompt, request.negativePrompt].map { try self.tokens(of: $0).count }
    let transformer = try folder.transformer.listing(openTransformer(at: folder.weights))
    let costs = tokens.map { transformer.costs(Workload(patches: grid.count, textTokens: $0)) }
    let differ = request.prompt != request.negativePrompt || request.classIndex != nil
    let evaluations = try folder.sampler(for: request).evaluations
    let guided = differ ? evaluations.filter { request.guidance.isActive(at: $0) }.count : 0
    // A branch: its steps, its keys and values, its prompt's states.
    func branch(_ index: Int, _ steps: Int) -> Int {
      guard steps > 0 else { return 0 }
      let step = costs[index].multiplyAdds(.step)
      return (saved.isEmpty ? steps * step : Int(Double(steps * step) / saved.together.factor))
        + costs[index].multiplyAdds(.picture)
        + encoder.costs(Workload(textTokens: tokens[index])).total.multiplyAdds
    }
    let latents = latentShape(folder.drawnSize(of: request))
    return try branch(0, evaluations.count) + branch(1, guided)
      + folder.autoencoder.listing().costs(Workload(latents: latents[1] * latents[2])).total.multiplyAdds
  }
}

extension DrawingSession {
  /// How far pictures show a prompt, as the model itself sees it: the share of its error in predicting noise that knowing
  /// the words takes away, (E(no words) − E(words)) / E(no words).
  ///
  /// The idea of diffusion classifiers (Li et al., 2303.16203): words that describe a picture make its noise easier to
  /// predict. Noise and timesteps are the same for every picture, so that pictures can be compared; the model judges
  /// itself, so that models cannot.
  package func wordFit(of pictures: [GeneratedPicture], prompt: String) throws -> [Double] {
    guard let first = pictures.first else { return [] }
    let timesteps: [Float] = [100, 200, 300, 400, 500, 600, 700, 800]
    let schedule = model.folder.scheduler.schedule
    let count = pictures.count
    let texts = try [states(of: prompt), states(of: "", as: .negative)]
    let conditions = texts.flatMap { text in pictures.map { _ in Condition(text: text) } }
    let run = try model.stages.transformers.transformer(with: first.request.adapters).prepare(
      conditions, grid: model.grid(of: first.latents),
      timesteps: timesteps.map { Array(repeating: $0, count: 2 * count) })
    let latents = try Tensor.concatenated(pictures.map { $0.latents.tensor.reshaped([1] + $0.latents.shape) })  // [N, C, h, w]
    let part = first.latents.tensor.count
    var random = TorchRandom(seed: 0)
    var errors = [Double](repeating: 0, count: 2 * count)
    for (evaluation, timestep) in timesteps.enumerated() {
      let noise = try random.randn(first.latents.shape).array
      let repeated = try Tensor((0..<count).flatMap { _ in noise }, latents.shape)
      let level = schedule.level(timestep: Double(timestep))
      let noised = try NoiseSchedule.noised(latents, with: repeated, at: level)
      let both = try Tensor.concatenated([noised, noised])
      let output = try run.predict(both, evaluation: evaluation, probe: nil)
      let predicted = try Prediction(output: output, latentChannels: latents.shape[1], kind: schedule.prediction)
        .noise(of: both, at: level).array
      for picture in 0..<2 * count {
        for index in 0..<part {
          let difference = Double(predicted[picture * part + index] - noise[index])
          errors[picture] += difference * difference
        }
      }
    }
    return (0..<count).map { errors[count + $0] > 0 ? 1 - errors[$0] / errors[count + $0] : 0 }
  }
}

package enum ComparisonError: UserError {
  case notOurs(String)
  case seeds(Int)
  /// A report is of one comparison at least, all with the same number of seeds.
  case unlike

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .notOurs(let model):
      "\(model) was not trained on classes and words both: compare needs a text model of this project"
    case .seeds(let count): "\(count) seeds: expected 1 or more"
    case .unlike: "a report needs one comparison at least, all with the same number of seeds"
    }
  }
}
