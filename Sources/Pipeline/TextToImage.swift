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
  /// By bytes: to Swift, strings that Unicode calls equivalent are equal, but a tokenizer may tell them apart.
  private var textStates: [[UInt8]: Tensor] = [:]
  private let textCache: TextCache?

  /// Loads a model.
  /// - Parameter textCache: a folder where text states are kept from run to run.
  /// - Throws: one-line errors of the stages, naming file and tensor.
  public init(_ folder: ModelFolder, backend: Backend, textCache: URL? = nil) throws {
    self.folder = folder
    self.backend = backend
    stages = try Stages(folder, backend: backend)
    self.textCache = try textCache.flatMap { url in try folder.text.map { try TextCache(url, $0, backend) } }
  }

  /// Tokens of a prompt that the model does not see because it is too long.
  public func droppedTokens(of prompt: String) -> Int {
    guard let text = folder.text, let tokenizer = stages.tokenizer else { return 0 }
    return max(0, tokenizer.pieces(of: Array(text.prepared(prompt).utf8)).count + 1 - tokenizer.maximumLength)
  }

  // MARK: drawing

  /// Draws pictures of one size, sampler and number of steps together. Each comes out the same as if drawn alone.
  /// - Parameters:
  ///   - requests: equal but for prompts, classes and seeds.
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
      precondition(
        request.size == first.size && request.steps == first.steps && request.sampler == first.sampler
          && request.guidanceScale == first.guidanceScale,
        "pictures drawn together share size, sampler, steps and guidance")
    }
    // PixArt draws at sizes it was trained at; the picture is scaled and cut to the wanted one at the end.
    let drawn = requests.map { request in
      var request = request
      request.size = folder.drawnSize(for: request.size)
      return request
    }
    let latents = try sample(drawn, progress: progress, observe: observe)
    guard latents.array.allSatisfy(\.isFinite) else { throw RequestError.notFinite }
    try progress(.decoding)
    let images = stages.autoencoder.decode(latents)  // [N, 3, H, W]
    observe?("image", images)
    return requests.enumerated().map { index, request in
      let planes = images.slice(index, count: 1).array
      let picture = Picture(planes: planes, width: images.shape[3], height: images.shape[2])
      return GeneratedPicture(
        picture: picture.fitted(width: request.size.width, height: request.size.height), request: request)
    }
  }

  /// The sampling loop: noise to latents [N, C, h, w].
  private func sample(
    _ requests: [GenerationRequest], progress: (GenerationProgress) throws -> Void, observe: Observer?
  ) throws -> Tensor {
    let first = requests[0]
    var sampler = try folder.sampler(for: first)
    try encode(requests.flatMap { [$0.prompt, $0.negativePrompt] })
    let denoiser = try GuidedDenoiser(
      stages.transformer,
      conditional: try requests.map { Condition(classIndex: $0.classIndex, text: try states(of: $0.prompt)) },
      unconditional: try requests.map { Condition(text: try states(of: $0.negativePrompt)) },
      guidance: Guidance(scale: first.guidanceScale, channels: folder.defaults.channels), grid: grid(of: first.size), timesteps: sampler.evaluations)
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

  /// Numbers of text states that are kept: 256 MB.
  private static let keptNumbers = 64 << 20

  /// Text states of a prompt, [tokens, size]; computed once for each prompt. Nil where the model reads no text.
  public func states(of prompt: String) throws -> Tensor? {
    try encode([prompt])
    return textStates[Array(prompt.utf8)]
  }

  /// Computes the states of several prompts at once: a large encoder is read through once for all of them.
  public func encode(_ prompts: [String]) throws {
    guard let text = folder.text, let tokenizer = stages.tokenizer, let encoder = stages.textEncoder else { return }
    let wanted = Dictionary(prompts.map { (Array($0.utf8), $0) }, uniquingKeysWith: { first, _ in first })
    if textStates.values.reduce(0, { $0 + $1.count }) > TextToImage.keptNumbers {
      textStates = textStates.filter { wanted[$0.key] != nil }
    }
    var missing: [(key: [UInt8], text: String)] = []
    for prompt in prompts {
      let key = Array(prompt.utf8)
      guard textStates[key] == nil, !missing.contains(where: { $0.key == key }) else { continue }
      if let kept = textCache?.states(of: text.prepared(prompt)) {
        textStates[key] = kept
      } else {
        missing.append((key, text.prepared(prompt)))
      }
    }
    guard !missing.isEmpty else { return }
    let states = try encoder.encode(missing.map { tokenizer.encode($0.text) })
    for (prompt, states) in zip(missing, states) {
      textStates[prompt.key] = states
      try textCache?.keep(states, of: prompt.text)
    }
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
