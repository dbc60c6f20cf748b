import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTImage
import DiTModels
import DiTTensors
import DiTText
import DiTTransformer
import Foundation

/// Where a drawing stands.
package enum GenerationProgress: Sendable {
  /// `step` of `steps` is done.
  case step(Int, of: Int)
  case decoding
}

/// A picture and what made it.
package struct GeneratedPicture: Sendable {
  package let picture: Picture
  package let request: GenerationRequest
  /// What the picture was decoded from, [C, h, w].
  package let latents: Tensor
}

/// From words to pictures: holds the stages of one model together.
///
///     prompt → tokenizer → text encoder → transformer ⇄ sampler → autoencoder → picture
///
/// Not for use by several threads at a time; the backend's threads do the work.
package final class TextToImage: @unchecked Sendable {
  package let folder: ModelFolder
  package let backend: Backend
  package let stages: Stages
  /// By bytes: to Swift, strings that Unicode calls equivalent are equal, but a tokenizer may tell them apart.
  private var textStates: [[UInt8]: Tensor] = [:]
  private let textCache: TextCache?
  private var encoder: (any Autoencoder)?

  /// Loads a model.
  /// - Parameter textCache: a folder where text states are kept from run to run.
  /// - Throws: one-line errors of the stages, naming file and tensor.
  package init(_ folder: ModelFolder, backend: Backend, textCache: URL? = nil) throws {
    self.folder = folder
    self.backend = backend
    stages = try Stages(folder, backend: backend)
    self.textCache = try textCache.flatMap { url in try folder.text.map { try TextCache(url, $0, backend) } }
  }

  /// Tokens of a prompt that the model does not see because it is too long.
  package func droppedTokens(of prompt: String) -> Int {
    guard let text = folder.text, let tokenizer = stages.tokenizer else { return 0 }
    let words = text.prepared(WeightedPrompt.plain(prompt))
    return max(0, tokenizer.pieces(of: Array(words.utf8)).count + 1 - tokenizer.maximumLength)
  }

  // MARK: drawing

  /// Draws pictures of one run together (``GenerationRequest/sharesRun(with:)``). Each comes out the same as if drawn
  /// alone.
  /// - Parameters:
  ///   - requests: equal but for words, classes and seeds.
  ///   - recordingAttention: shows `observe` where the words were looked for, `attention0` and so on for each block:
  ///     [N, tokens, text length], averaged over steps and heads of the conditional branch.
  ///   - progress: is told of each step; throw from it to stop.
  ///   - observe: is shown tensors by name: guided noise `eps0`, latents `x1`, the clean picture foreseen
  ///     `original1`, …, `latents`, `image`.
  /// - Throws: ``RequestError``, or what `progress` throws.
  package func draw(
    _ requests: [GenerationRequest], recordingAttention: Bool = false,
    progress: (GenerationProgress) throws -> Void = { _ in }, observe: Observer? = nil
  ) throws -> [GeneratedPicture] {
    guard let first = requests.first else { return [] }
    for request in requests {
      try folder.check(request)
      guard request.sharesRun(with: first) else { throw RequestError.unequal }
    }
    // PixArt draws at sizes it was trained at; the picture is scaled and cut to the wanted one at the end.
    let drawn = requests.map { request in
      var request = request
      request.size = folder.drawnSize(for: request.size)
      return request
    }
    let source = try first.source?.pixels()
    let latents = try sample(drawn, from: source, recordingAttention, progress: progress, observe: observe)
    guard latents.array.allSatisfy(\.isFinite) else { throw RequestError.notFinite }
    try progress(.decoding)
    let images = try stages.autoencoder.decode(latents)  // [N, 3, H, W]
    try observe?("image", images)
    return try requests.enumerated().map { index, request in
      let drawn = try TextToImage.picture(of: images.slice(index, count: 1))
        .fitted(width: request.size.width, height: request.size.height)
      return GeneratedPicture(
        picture: try source?.restored(around: drawn) ?? drawn, request: request,
        latents: latents.slice(index, count: 1).reshaped(Array(latents.shape.dropFirst())))
    }
  }

  /// What latents [1, C, h, w] look like.
  package func picture(_ latents: Tensor) throws -> Picture {
    try TextToImage.picture(of: stages.autoencoder.decode(latents))
  }

  /// [1, 3, H, W] in 0…1 to pixels.
  private static func picture(of image: Tensor) throws -> Picture {
    try Picture(planes: image.array, width: image.shape[3], height: image.shape[2])
  }

  /// The sampling loop: noise to latents [N, C, h, w].
  private func sample(
    _ requests: [GenerationRequest], from source: SourcePicture.Pixels?, _ recordingAttention: Bool,
    progress: (GenerationProgress) throws -> Void, observe: Observer?
  ) throws -> Tensor {
    let first = requests[0]
    var sampler = try folder.sampler(for: first)
    try encode(requests.flatMap { [$0.prompt, $0.negativePrompt] })
    let denoiser = try GuidedDenoiser(
      stages.transformer,
      conditional: try requests.map { try condition($0.prompt, classIndex: $0.classIndex) },
      unconditional: try requests.map { Condition(text: try states(of: $0.negativePrompt)) },
      guidance: first.guidance, schedule: folder.scheduler.schedule, grid: grid(of: first.size),
      timesteps: sampler.evaluations)
    if recordingAttention { try denoiser.recordAttention() }
    var generators = BatchNoise(seeds: requests.map(\.seed))
    let shape = latentShape(first.size)
    let noise = { try generators.randn(shape) }
    let known = try source.map { try encode($0, size: first.size) }
    let start = try start(noise(), known, sampler, strength: first.strength)
    var evaluations = 0
    let steps = sampler.plan.count
    let latents = try sampler.run(
      from: start,
      predict: { latents, evaluation in
        var prediction = try denoiser.predict(latents, evaluation: evaluation, observe: observe)
        if let known { prediction = try known.holding(prediction, latents, at: denoiser.level(evaluation)) }
        try observe?("eps\(evaluations)", prediction.noise)
        evaluations += 1
        return prediction
      }, noise: noise,
      observe: { index, step in
        try observe?("x\(index + 1)", step.latents)
        try observe?("original\(index + 1)", step.predictedOriginal)
        try progress(.step(index + 1, of: steps))
      })
    for (block, map) in (try denoiser.attention() ?? []).enumerated() { try observe?("attention\(block)", map) }
    try observe?("latents", latents)
    return latents
  }

  /// The latents of a run's first step: noise, or a picture with as much noise as its strength asks for.
  private func start(_ noise: Tensor, _ known: KnownLatents?, _ sampler: any Sampler, strength: Double) throws -> Tensor {
    if let known, strength < 1 {
      let repeated = try Tensor.concatenated((0..<noise.shape[0]).map { _ in known.latents })
      return try NoiseSchedule.noised(repeated, with: noise, at: sampler.plan.levels[0])
    }
    let scale = sampler.initialScale
    guard scale != 1 else { return noise }
    noise.withFloats { values in
      for i in values.indices { values[i] *= scale }
    }
    return noise
  }

  /// A picture as latents; the encoder is read when the first one comes.
  private func encode(_ source: SourcePicture.Pixels, size: PictureSize) throws -> KnownLatents {
    let encoder = try encoder ?? Stages.encoder(folder, backend: backend)
    self.encoder = encoder
    let source = try source.fitted(to: size)
    let image = try Tensor(source.picture.planes(), [1, 3, size.height, size.width])
    let latents = try encoder.encode(image)  // [1, C, h, w]
    let all = [Float](repeating: 1, count: latents.shape[2] * latents.shape[3])
    return KnownLatents(latents: latents, freedom: source.freedom(scale: encoder.scaleFactor) ?? all)
  }

  /// Numbers of text states that are kept: 256 MB.
  private static let keptNumbers = 64 << 20

  /// Text states of a prompt without its weights, [tokens, size]; computed once for each prompt. Nil where the model
  /// reads no text.
  package func states(of prompt: String) throws -> Tensor? {
    try encode([prompt])
    return textStates[Array(prompt.utf8)]
  }

  /// Computes the states of several prompts at once: a large encoder is read through once for all of them.
  package func encode(_ prompts: [String]) throws {
    guard let text = folder.text, let tokenizer = stages.tokenizer, let encoder = stages.textEncoder else { return }
    let wanted = Dictionary(prompts.map { (Array($0.utf8), $0) }, uniquingKeysWith: { first, _ in first })
    if textStates.values.reduce(0, { $0 + $1.count }) > TextToImage.keptNumbers {
      textStates = textStates.filter { wanted[$0.key] != nil }
    }
    var missing: [(key: [UInt8], text: String)] = []
    for prompt in prompts {
      let key = Array(prompt.utf8)
      guard textStates[key] == nil, !missing.contains(where: { $0.key == key }) else { continue }
      let plain = WeightedPrompt.plain(prompt)
      if let kept = textCache?.states(of: text.prepared(plain)) {
        textStates[key] = kept
      } else {
        missing.append((key, text.prepared(plain)))
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
  package func latentShape(_ size: PictureSize) -> [Int] {
    [
      stages.autoencoder.latentChannels, size.height / stages.autoencoder.scaleFactor,
      size.width / stages.autoencoder.scaleFactor,
    ]
  }

  package func grid(of size: PictureSize) -> Grid {
    Grid(height: size.height / folder.sizeStep, width: size.width / folder.sizeStep)
  }
}
