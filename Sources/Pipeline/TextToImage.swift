import Autoencoder
import Checkpoints
import Diffusion
import Foundation
import Image
import Tensors
import Text
import Transformer

/// Where a drawing stands.
public enum GenerationProgress: Sendable {
  /// `step` of `steps` is done.
  case step(Int, of: Int)
  case decoding
}

/// A picture and what made it.
public struct GeneratedPicture: Sendable {
  public let picture: Picture
  public let request: GenerationRequest
  /// What the picture was decoded from, [C, h, w].
  public let latents: Tensor
}

/// From words to pictures: holds the stages of one model together.
///
///     prompt → tokenizer → text encoder → transformer ⇄ sampler → autoencoder → picture
///
/// Not for use by several threads at a time; the backend's threads do the work.
public final class TextToImage: @unchecked Sendable {
  public let folder: ModelFolder
  public let backend: Backend
  public let stages: Stages
  private var textStates: [String: Tensor] = [:]

  /// Loads a model folder.
  /// - Throws: one-line errors of the stages, naming file and tensor.
  public init(_ folder: ModelFolder, backend: Backend) throws {
    self.folder = folder
    self.backend = backend
    stages = try Stages(folder, backend: backend)
  }

  /// Tokens of a prompt that the model does not see because it is too long.
  public func droppedTokens(of prompt: String) -> Int {
    max(0, stages.tokenizer.pieces(of: Array(prompt.utf8)).count + 1 - stages.tokenizer.maximumLength)
  }

  // MARK: drawing

  /// Draws pictures of one run together (``GenerationRequest/sharesRun(with:)``). Each comes out the same as if drawn alone.
  /// - Parameters:
  ///   - requests: equal but for words, classes and seeds.
  ///   - progress: is told of each step; throw from it to stop.
  ///   - observe: is shown guided noise and latents by name: `eps0`, `x1`, …, `latents`, `image`.
  /// - Throws: ``RequestError``, or what `progress` throws.
  public func draw(
    _ requests: [GenerationRequest], progress: (GenerationProgress) throws -> Void = { _ in },
    observe: Observer? = nil
  ) throws -> [GeneratedPicture] {
    guard let first = requests.first else { return [] }
    for request in requests {
      try folder.check(request)
      precondition(request.sharesRun(with: first), "pictures drawn together share all but words, class and seed")
    }
    let latents = try sample(requests, progress: progress, observe: observe)
    guard latents.array.allSatisfy(\.isFinite) else { throw RequestError.notFinite }
    try progress(.decoding)
    let images = stages.autoencoder.decode(latents)  // [N, 3, H, W]
    observe?("image", images)
    return requests.enumerated().map { index, request in
      let planes = images.slice(index, count: 1).array
      return GeneratedPicture(
        picture: Picture(planes: planes, width: request.size.width, height: request.size.height), request: request,
        latents: latents.slice(index, count: 1).reshaped(Array(latents.shape.dropFirst())))
    }
  }

  /// The sampling loop: noise to latents [N, C, h, w].
  private func sample(
    _ requests: [GenerationRequest], progress: (GenerationProgress) throws -> Void, observe: Observer?
  ) throws -> Tensor {
    let first = requests[0]
    var sampler = try folder.sampler(for: first)
    let denoiser = try GuidedDenoiser(
      stages.transformer,
      conditional: requests.map { Condition(classIndex: $0.classIndex, text: states(of: $0.prompt)) },
      unconditional: requests.map { Condition(text: states(of: $0.negativePrompt)) },
      guidance: first.guidance, grid: grid(of: first.size), timesteps: sampler.evaluations)
    var generators = BatchNoise(seeds: requests.map(\.seed))
    let shape = latentShape(first.size)
    let noise = { generators.randn(shape) }
    let start = noise()
    let scale = sampler.initialScale
    if scale != 1 {
      start.withFloats { values in
        for i in values.indices { values[i] *= scale }
      }
    }
    var evaluations = 0
    let steps = sampler.plan.count
    let latents = try sampler.run(
      from: start,
      predict: { latents, evaluation in
        let prediction = denoiser.predict(latents, evaluation: evaluation, observe: observe)
        observe?("eps\(evaluations)", prediction.noise)
        evaluations += 1
        return prediction
      }, noise: noise,
      observe: { index, step in
        observe?("x\(index + 1)", step.latents)
        try progress(.step(index + 1, of: steps))
      })
    observe?("latents", latents)
    return latents
  }

  /// Text states of a prompt, [tokens, size]; computed once for each prompt.
  public func states(of prompt: String) -> Tensor {
    if let known = textStates[prompt] { return known }
    let states = stages.textEncoder.encode(stages.tokenizer.encode(prompt))
    textStates[prompt] = states
    return states
  }

  /// [C, h, w] of a size.
  public func latentShape(_ size: PictureSize) -> [Int] {
    [
      stages.autoencoder.latentChannels, size.height / stages.autoencoder.scaleFactor,
      size.width / stages.autoencoder.scaleFactor,
    ]
  }

  public func grid(of size: PictureSize) -> Grid {
    Grid(height: size.height / folder.sizeStep, width: size.width / folder.sizeStep)
  }
}
