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
  var textStates: [TextKey: Tensor] = [:]
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
  /// - Parameters:
  ///   - isLast: nothing will be drawn after it: the transformer's memory goes to what makes pixels of latents.
  ///   - probe: is shown what is computed, block by block; throw from it to stop.
  @discardableResult
  package func draw(
    _ requests: [GenerationRequest], recordingAttention: Bool = false, isLast: Bool = false,
    onEvent: (DrawingEvent) throws -> Void = { _ in }, probe: Probe?
  ) throws -> [GeneratedPicture] {
    try check(requests)
    var finished: [GeneratedPicture] = []
    if let first = requests.first {
      let source = first.mode.readsPicture ? nil : try first.source?.pixels()
      let drawn = try sample(requests, from: source, recordingAttention, probe: probe, onEvent: onEvent)
      if isLast { model.stages.transformers.removeAll() }
      try onEvent(.decoding)
      let captions = try drawn.texts.isEmpty
        ? [] : CaptionWriter(model.folder, backend: model.backend).captions(of: drawn.texts)
      finished = try zip(requests, decoded(drawn.latents, probe: probe).enumerated()).map { request, picture in
        var request = request
        let index = picture.offset
        if !captions.isEmpty { request.prompt = captions[index].first?.text ?? "" }
        let fitted = try picture.element.fitted(width: request.size.width, height: request.size.height)
        let whole = try source?.restored(around: fitted) ?? fitted
        let size = request.finishedSize
        return GeneratedPicture(
          picture: try whole.resized(width: size.width, height: size.height), request: request,
          latents: Latents(drawn.latents.slice(index, count: 1)),
          saved: request.savings.isNone ? nil : drawn.saved[index], captions: captions.isEmpty ? [] : captions[index])
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

  /// What a drawing comes to: latents [N, C, h, w], texts [tokens, size] where they are drawn, and what was left out of each picture.
  private struct Drawn {
    var latents: Tensor
    var texts: [Tensor]
    var saved: [SavedWork]
  }

  /// Noise to latents, by way of a smaller picture where the model draws so large a one not at once.
  private func sample(
    _ requests: [GenerationRequest], from source: SourcePicture.Pixels?, _ recordingAttention: Bool, probe: Probe?,
    onEvent: (DrawingEvent) throws -> Void
  ) throws -> Drawn {
    let first = requests[0]
    let plan = model.folder.sizePlan(of: first)
    var pass = SamplingPass(
      requests, size: plan.first ?? first.size, try model.folder.sampler(for: first),
      strength: first.source == nil ? 1 : first.strength)
    pass.known = try source.map { try hold($0, size: pass.size, probe: probe) }
    pass.origin = pass.known?.latents
    guard case .refined(_, let side) = plan else { return try sample(pass, recordingAttention, probe: probe, onEvent: onEvent) }

    var second = SamplingPass(
      requests, size: first.size, try model.folder.sampler(for: first, strength: SizePlan.refiningStrength),
      strength: SizePlan.refiningStrength)
    let (done, steps) = (pass.sampler.plan.count, pass.sampler.plan.count + second.sampler.plan.count)
    let small = try sample(pass, recordingAttention, probe: probe) { try onEvent($0.counted(after: 0, of: steps)) }
    let large = try decoded(small.latents, probe: probe).map { try $0.fitted(width: first.size.width, height: first.size.height) }
    second.origin = try Tensor.concatenated(large.map { try state(of: $0, probe: probe) })
    if source?.mask != nil { second.known = try source.map { try hold($0, size: first.size, probe: probe) } }
    let window = side / model.folder.sizeStep
    second.windows = WindowLayout(model.folder.grid(of: first.size), side: window, overlap: window / 4)
    var drawn = try sample(second, false, probe: probe) { try onEvent($0.counted(after: done, of: steps)) }
    drawn.saved = zip(small.saved, drawn.saved).map { $0 + $1 }
    return drawn
  }

  /// One way through a sampler's steps, or one for each step of the mode.
  private func sample(
    _ pass: SamplingPass, _ recordingAttention: Bool, probe: Probe?, onEvent: (DrawingEvent) throws -> Void
  ) throws -> Drawn {
    let (requests, first) = (pass.requests, pass.requests[0])
    try encode(requests, probe: probe)
    let generators = BatchNoise(seeds: requests.map(\.seed))
    var known = try requests.map { try self.known($0, size: pass.size) }
    if first.mode.readsPicture, let picture = try first.source?.whole() {
      let read = try PictureReader(model.folder, backend: model.backend).read([picture])[0]
      for index in known.indices {
        known[index].picture = try read.segment(generators.randn(Array(read.shape.dropFirst()), picture: index))
      }
    }
    let transformer = try model.stages.transformers.transformer(with: first.adapters)
    var (latents, texts, saved): (Tensor?, [Tensor], [SavedWork]) = (nil, [], [])
    for (index, step) in first.mode.steps.enumerated() {
      // Pictures are read at the size of training, whatever is drawn.
      let grid = step.image == .drawn ? model.folder.grid(of: pass.size) : model.folder.transformer.nativeGrid
      let walk = try Walk(
        transformer, model.folder, step, known: known, pass.sampler, model.folder.guidance(of: first),
        savings: pass.windows == nil ? first.savings : Savings(), windows: pass.windows, grid: grid,
        unknown: { picture in { _, shapes, _ in try shapes.map { try generators.randn($0, picture: picture) } } })
      if recordingAttention { try walk.recordAttention() }
      let noise = { try walk.form.joined { _, shape in try generators.randn(shape) } }
      let steps = walk.count * first.mode.steps.count
      let drawn = try walk.run(
        from: pass.start(noise()), held: pass.known, noise: noise, probe: probe,
        observe: { place, step in
          let number = index * walk.count + place + 1
          try probe?(.state(steps: number), step.latents)
          if let originals = try walk.form.part(.latents, of: step.predictedOriginal) {
            try onEvent(.predictedOriginal(step: number, Latents.each(of: originals)))
          }
          try onEvent(.step(number, of: steps))
        })
      for (block, maps) in (try walk.attention() ?? []).enumerated() {
        try onEvent(.attention(block: block, AttentionMap.each(of: maps)))
      }
      saved = try savedWork(pass, walk, after: saved)
      // What was drawn is known from here on.
      latents = try walk.form.part(.latents, of: drawn) ?? latents
      let text = try walk.form.part(.text, of: drawn)
      texts = text.map { text in requests.indices.map { text.slice($0, count: 1).removingBatch() } } ?? []
      for (index, text) in texts.enumerated() { known[index].words = .text(text) }
    }
    guard let latents else { throw RequestError.noPicture }
    try probe?(.latents, latents)
    guard latents.array.allSatisfy(\.isFinite), texts.allSatisfy({ $0.array.allSatisfy(\.isFinite) }) else {
      throw RequestError.notFinite
    }
    return Drawn(latents: latents, texts: texts, saved: saved)
  }

  /// Counted with the tokens of each picture's own prompt, so that it says the same in any batch.
  private func savedWork(_ pass: SamplingPass, _ walk: Walk, after before: [SavedWork]) throws -> [SavedWork] {
    let own = walk.savedWork(
      tailShares: try pass.requests.map { request in
        try model.folder.transformer.tailShare(
          grid: model.folder.grid(of: pass.size),
          textTokens: texts(of: [request]).contains { $0.role == .prompt && $0.text == request.prompt }
            ? states(of: request.prompt)?.shape[0] ?? 0 : 0)
      })
    return before.isEmpty ? own : zip(before, own).map { $0 + $1 }
  }

  /// - Parameter latents: [C, h, w].
  package func picture(of latents: Tensor) throws -> Picture { try decoded(latents.reshaped([1] + latents.shape), probe: nil)[0] }

  private func decoded(_ latents: Tensor, probe: Probe?) throws -> [Picture] {
    let images = try model.stages.autoencoder.decode(latents, probe: probe)  // [N, 3, H, W]
    try probe?(.image, images)
    return try (0..<images.shape[0]).map { try Picture(planesOf: images.slice($0, count: 1)) }
  }

  /// How pictures of a size lie in a sampler's state.
  private func form(_ size: PictureSize) -> DrawnForm {
    model.folder.transformer.form(drawing: [.image], latents: model.latentShape(size))
  }

  /// A picture to start from in that form, and what of it is held.
  private func hold(_ source: SourcePicture.Pixels, size: PictureSize, probe: Probe?) throws -> KnownLatents {
    let source = try source.fitted(to: size)
    let free = source.freedom(scale: model.stages.autoencoder.scaleFactor)
    // What belongs to the whole picture is free, as a part of it is drawn anew.
    let freedom = form(size).parts.flatMap { part, shape in
      part == .latents ? (0..<shape[0]).flatMap { _ in free ?? Array(repeating: 1, count: shape[1] * shape[2]) }
        : Array(repeating: 1, count: shape.reduce(1, *))
    }
    return KnownLatents(latents: try state(of: source.picture, probe: probe), freedom: freedom)
  }

  /// [1] + the form's shape, of a picture.
  private func state(of picture: Picture, probe: Probe?) throws -> Tensor {
    try form(PictureSize(width: picture.width, height: picture.height)).joined { part, _ in
      part == .latents
        ? try encoded(picture, probe: probe)
        : try PictureReader(model.folder, backend: model.backend).embeddings(of: [picture])[0]
    }
  }

  /// [1, C, h, w] of a picture; the encoder is read when the first one comes.
  private func encoded(_ picture: Picture, probe: Probe?) throws -> Tensor {
    let encoder = try encoder ?? Stages.encoder(model.folder, backend: model.backend)
    self.encoder = encoder
    return try encoder.encode(Tensor(picture.planes(), [1, 3, picture.height, picture.width]), probe: probe)
  }

  /// What the transformer would see of a picture, whose sides are multiples of ``ModelFolder/sizeStep``.
  /// - Throws: `AutoencoderError.noEncoder`, `BackendError`.
  package func latents(of picture: Picture) throws -> Latents { Latents(try encoded(picture, probe: nil)) }
}
