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
    var finished: [GeneratedPicture] = []
    if let first = requests.first {
      let source = try first.source?.pixels()
      let (latents, saved) = try sample(requests, from: source, recordingAttention, probe: probe, onEvent: onEvent)
      try onEvent(.decoding)
      finished = try zip(requests, decoded(latents, probe: probe).enumerated()).map { request, picture in
        let drawn = try picture.element.fitted(width: request.size.width, height: request.size.height)
        let whole = try source?.restored(around: drawn) ?? drawn
        let size = request.finishedSize
        return GeneratedPicture(
          picture: try whole.resized(width: size.width, height: size.height), request: request,
          latents: Latents(latents.slice(picture.offset, count: 1)),
          saved: request.savings.isNone ? nil : saved[picture.offset])
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

  /// Noise to latents [N, C, h, w], by way of a smaller picture where the model draws so large a one not at once; and what was
  /// left out of each picture.
  private func sample(
    _ requests: [GenerationRequest], from source: SourcePicture.Pixels?, _ recordingAttention: Bool, probe: Probe?,
    onEvent: (DrawingEvent) throws -> Void
  ) throws -> (latents: Tensor, saved: [SavedWork]) {
    let first = requests[0]
    let plan = model.folder.sizePlan(of: first)
    var pass = SamplingPass(
      requests, size: plan.first ?? first.size, try model.folder.sampler(for: first), strength: first.source == nil ? 1 : first.strength)
    pass.known = try source.map { try encode($0, size: pass.size, probe: probe) }
    pass.origin = pass.known?.latents
    guard case .refined(_, let side) = plan else { return try sample(pass, recordingAttention, probe: probe, onEvent: onEvent) }

    var second = SamplingPass(
      requests, size: first.size, try model.folder.sampler(for: first, strength: SizePlan.refiningStrength),
      strength: SizePlan.refiningStrength)
    let (done, steps) = (pass.sampler.plan.count, pass.sampler.plan.count + second.sampler.plan.count)
    let (small, saved) = try sample(pass, recordingAttention, probe: probe) { try onEvent($0.counted(after: 0, of: steps)) }
    let large = try decoded(small, probe: probe).map { try $0.fitted(width: first.size.width, height: first.size.height) }
    second.origin = try Tensor.concatenated(large.map { try encode($0, size: first.size, probe: probe) })
    if source?.mask != nil { second.known = try source.map { try encode($0, size: first.size, probe: probe) } }
    second.windows = WindowLayout(model.grid(of: first.size), side: side / model.folder.sizeStep, overlap: side / model.folder.sizeStep / 4)
    let (latents, more) = try sample(second, false, probe: probe) { try onEvent($0.counted(after: done, of: steps)) }
    return (latents, zip(saved, more).map { $0 + $1 })
  }

  /// One way through a sampler's steps.
  private func sample(
    _ pass: SamplingPass, _ recordingAttention: Bool, probe: Probe?, onEvent: (DrawingEvent) throws -> Void
  ) throws -> (latents: Tensor, saved: [SavedWork]) {
    let (requests, first) = (pass.requests, pass.requests[0])
    var sampler = pass.sampler
    try encode(requests.flatMap { [$0.prompt, $0.negativePrompt] }, probe: probe)
    let denoiser = try GuidedDenoiser(
      model.stages.transformers.transformer(with: first.adapters),
      conditional: try requests.map { try condition($0.prompt, classIndex: $0.classIndex, size: pass.size) },
      unconditional: try requests.map { try condition($0.negativePrompt, classIndex: nil, size: pass.size) },
      guidance: first.guidance, kind: model.folder.scheduler.schedule.prediction, grid: model.grid(of: pass.size),
      levels: sampler.evaluationLevels, savings: pass.windows == nil ? first.savings : Savings(), windows: pass.windows)
    if recordingAttention { try denoiser.recordAttention() }
    var generators = BatchNoise(seeds: requests.map(\.seed))
    let shape = model.latentShape(pass.size)
    let noise = { try generators.randn(shape) }
    let start = try pass.start(noise())
    var evaluations = 0
    let steps = sampler.plan.count
    let latents = try sampler.run(
      from: start,
      predict: { latents, evaluation in
        var prediction = try denoiser.predict(latents, evaluation: evaluation, probe: probe)
        if let known = pass.known { prediction = try known.holding(prediction, latents, at: denoiser.level(evaluation)) }
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
    guard latents.array.allSatisfy(\.isFinite) else { throw RequestError.notFinite }
    return (latents, try savedWork(pass, denoiser))
  }

  /// Counted with the tokens of each picture's own prompt, so that it says the same in any batch.
  private func savedWork(_ pass: SamplingPass, _ denoiser: GuidedDenoiser) throws -> [SavedWork] {
    try denoiser.savedWork(
      tailShares: pass.requests.map { request in
        try model.folder.transformer.tailShare(
          grid: model.grid(of: pass.size), textTokens: states(of: request.prompt)?.shape[0] ?? 0)
      })
  }

  private func decoded(_ latents: Tensor, probe: Probe?) throws -> [Picture] {
    let images = try model.stages.autoencoder.decode(latents, probe: probe)  // [N, 3, H, W]
    try probe?(.image, images)
    return try (0..<images.shape[0]).map { try Picture(planesOf: images.slice($0, count: 1)) }
  }

  /// A picture to start from as latents.
  private func encode(_ source: SourcePicture.Pixels, size: PictureSize, probe: Probe?) throws -> KnownLatents {
    let source = try source.fitted(to: size)
    let latents = try encode(source.picture, size: size, probe: probe)
    let all = [Float](repeating: 1, count: latents.shape[2] * latents.shape[3])
    return KnownLatents(latents: latents, freedom: source.freedom(scale: model.stages.autoencoder.scaleFactor) ?? all)
  }

  /// Latents [1, C, h, w] of a picture; the encoder is read when the first one comes.
  private func encode(_ picture: Picture, size: PictureSize, probe: Probe?) throws -> Tensor {
    let encoder = try encoder ?? Stages.encoder(model.folder, backend: model.backend)
    self.encoder = encoder
    return try encoder.encode(Tensor(picture.planes(), [1, 3, size.height, size.width]), probe: probe)
  }
}
