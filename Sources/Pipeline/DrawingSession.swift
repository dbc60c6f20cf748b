import DiTAutoencoder
import DiTDiffusion
import DiTImage
import DiTModels
import DiTTensors
import DiTTransformer
import Foundation

/// Draws with one model, and remembers what the next drawing need not compute again: text states, and the half of the
/// autoencoder that reads pictures.
///
/// Not `Sendable`: a session belongs to one thread. Pictures do not depend on what was drawn before.
public final class DrawingSession {
  /// What it draws with.
  public let model: TextToImage
  /// By bytes: to Swift, strings that Unicode calls equivalent are equal, but a tokenizer may tell them apart.
  var textStates: [[UInt8]: Tensor] = [:]
  let textCache: TextCache?
  private var encoder: (any Autoencoder)?

  /// - Throws: as ``TextToImage/makeSession(textCache:)``.
  init(_ model: TextToImage, textCache: URL?) throws {
    self.model = model
    self.textCache = try textCache.flatMap { url in
      try model.folder.text.map { try TextCache(url, $0, model.backend) }
    }
  }

  /// Draws pictures of one run together (``GenerationRequest/sharesRun(with:)``). Each comes out the same as if drawn
  /// alone.
  /// - Parameters:
  ///   - requests: equal but for words, classes and seeds.
  ///   - recordingAttention: also tells where the words were looked for (``DrawingEvent/attention(block:_:)``).
  ///   - onEvent: is told how far the drawing is, on this thread; throw from it to stop.
  /// - Returns: the pictures, as in ``DrawingEvent/finished(_:)``.
  /// - Throws: a ``UserError``: what is wrong with a request, before anything is computed, or that memory is short; or what
  ///   `onEvent` throws.
  @discardableResult
  public func draw(
    _ requests: [GenerationRequest], recordingAttention: Bool = false, onEvent: (DrawingEvent) throws -> Void = { _ in }
  ) throws -> [GeneratedPicture] {
    try draw(requests, recordingAttention: recordingAttention, onEvent: onEvent, probe: nil)
  }

  /// As ``draw(_:recordingAttention:onEvent:)``, with a look inside.
  /// - Parameter probe: is shown what is computed, block by block; throw from it to stop.
  @discardableResult
  package func draw(
    _ requests: [GenerationRequest], recordingAttention: Bool = false,
    onEvent: (DrawingEvent) throws -> Void = { _ in }, probe: Probe?
  ) throws -> [GeneratedPicture] {
    try check(requests)
    // PixArt draws at sizes it was trained at; the picture is scaled and cut to the wanted one at the end.
    let drawn = requests.map { request in
      var request = request
      request.size = model.folder.drawnSize(for: request.size)
      return request
    }
    var finished: [GeneratedPicture] = []
    if let first = requests.first {
      let source = try first.source?.pixels()
      let (latents, saved) = try sample(drawn, from: source, recordingAttention, probe: probe, onEvent: onEvent)
      guard latents.array.allSatisfy(\.isFinite) else { throw RequestError.notFinite }
      try onEvent(.decoding)
      let images = try model.stages.autoencoder.decode(latents, probe: probe)  // [N, 3, H, W]
      try probe?(.image, images)
      finished = try zip(requests, Latents.each(of: latents)).enumerated().map { index, one in
        let (request, latents) = one
        let drawn = try Picture(planesOf: images.slice(index, count: 1))
          .fitted(width: request.size.width, height: request.size.height)
        let whole = try source?.restored(around: drawn) ?? drawn
        let size = request.finishedSize
        return GeneratedPicture(
          picture: try whole.resized(width: size.width, height: size.height), request: request, latents: latents,
          saved: request.savings.isNone ? nil : saved[index])
      }
    }
    try onEvent(.finished(finished))
    return finished
  }

  private func check(_ requests: [GenerationRequest]) throws {
    for request in requests {
      try model.folder.check(request)
      if let source = request.source, source.size != request.size {
        throw RequestError.source(source.size, wanted: request.size)
      }
      guard request.sharesRun(with: requests[0]) else { throw RequestError.unequal }
    }
  }

  /// The sampling loop: noise to latents [N, C, h, w], and what it left out of each picture.
  private func sample(
    _ requests: [GenerationRequest], from source: SourcePicture.Pixels?, _ recordingAttention: Bool, probe: Probe?,
    onEvent: (DrawingEvent) throws -> Void
  ) throws -> (latents: Tensor, saved: [SavedWork]) {
    let first = requests[0]
    var sampler = try model.folder.sampler(for: first)
    try encode(requests.flatMap { [$0.prompt, $0.negativePrompt] }, probe: probe)
    let denoiser = try GuidedDenoiser(
      model.stages.transformers.transformer(with: first.adapters),
      conditional: try requests.map { try condition($0.prompt, classIndex: $0.classIndex, size: $0.size) },
      unconditional: try requests.map { try unconditional($0) },
      guidance: first.guidance, kind: model.folder.scheduler.schedule.prediction, grid: model.grid(of: first.size),
      levels: sampler.evaluationLevels, savings: first.savings)
    if recordingAttention { try denoiser.recordAttention() }
    var generators = BatchNoise(seeds: requests.map(\.seed))
    let shape = model.latentShape(first.size)
    let noise = { try generators.randn(shape) }
    let known = try source.map { try encode($0, size: first.size, probe: probe) }
    let start = try start(noise(), known, sampler, strength: first.strength)
    var evaluations = 0
    let steps = sampler.plan.count
    let latents = try sampler.run(
      from: start,
      predict: { latents, evaluation in
        var prediction = try denoiser.predict(latents, evaluation: evaluation, probe: probe)
        if let known { prediction = try known.holding(prediction, latents, at: denoiser.level(evaluation)) }
        try probe?(
          .guidedNoise(evaluation: evaluations), prediction.noise(of: latents, at: denoiser.level(evaluation)))
        evaluations += 1
        return prediction
      }, noise: noise,
      observe: { index, step in
        try probe?(.state(steps: index + 1), step.latents)
        try onEvent(.predictedOriginal(step: index + 1, Latents.each(of: step.predictedOriginal)))
        try onEvent(.step(index + 1, of: steps))
      })
    for (block, maps) in (try denoiser.attention() ?? []).enumerated() {
      try onEvent(.attention(block: block, AttentionMap.each(of: maps)))
    }
    try probe?(.latents, latents)
    return (latents, try savedWork(requests, denoiser))
  }

  /// Counted with the tokens of each picture's own prompt, so that it says the same in any batch.
  private func savedWork(_ requests: [GenerationRequest], _ denoiser: GuidedDenoiser) throws -> [SavedWork] {
    try denoiser.savedWork(
      tailShares: requests.map { request in
        try model.folder.transformer.tailShare(
          grid: model.grid(of: request.size), textTokens: states(of: request.prompt)?.shape[0] ?? 0)
      })
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
  private func encode(_ source: SourcePicture.Pixels, size: PictureSize, probe: Probe?) throws -> KnownLatents {
    let encoder = try encoder ?? Stages.encoder(model.folder, backend: model.backend)
    self.encoder = encoder
    let source = try source.fitted(to: size)
    let image = try Tensor(source.picture.planes(), [1, 3, size.height, size.width])
    let latents = try encoder.encode(image, probe: probe)  // [1, C, h, w]
    let all = [Float](repeating: 1, count: latents.shape[2] * latents.shape[3])
    return KnownLatents(latents: latents, freedom: source.freedom(scale: encoder.scaleFactor) ?? all)
  }
}
