import DiTCheckpoints
import DiTDiffusion
import DiTErrors
import DiTModels
import DiTTransformer

extension ModelFolder {
  /// What is drawn where the user says nothing.
  public var defaultRequest: GenerationRequest {
    var request = GenerationRequest(size: usualSize)
    request.steps = defaults.steps
    request.sampler = defaults.sampler
    request.spacing = defaults.spacing
    request.eta = SamplerRegistry.defaultEta(defaults.sampler)
    request.guidanceScale = defaults.guidanceScale
    request.guidanceChannels = defaults.channels
    return request
  }

  /// At which size a request is drawn.
  package func sizePlan(of request: GenerationRequest) -> SizePlan {
    request.sizing == .direct || request.mode != .picture ? .direct : sizePlan(for: request.size)
  }

  /// What of a request is drawn first, in pixels.
  package func drawnSize(of request: GenerationRequest) -> PictureSize { sizePlan(of: request).first ?? request.size }

  /// Its patches.
  package func drawnGrid(of request: GenerationRequest) -> Grid { grid(of: drawnSize(of: request)) }

  /// By two branches; a model that is told the scale has one.
  package func guidance(of request: GenerationRequest) -> Guidance {
    var guidance = request.guidance
    if traits.embedsGuidance { guidance.scale = 1 }
    return guidance
  }

  /// Throws what is wrong with a request, in one line, before any weights are read.
  public func check(_ request: GenerationRequest) throws {
    if traits.drawsNativeSizeOnly, request.size != nativeSize {
      throw UViTError.grid(grid(of: request.size), native: transformer.nativeGrid)
    }
    let nearest = request.size.nearestLegal(step: sizeStep, within: sizeLimits)
    // A size that stored positions fix is legal, however small.
    guard nearest == request.size || traits.drawsNativeSizeOnly else {
      throw RequestError.size(request.size, nearest: nearest, step: sizeStep, limits: sizeLimits)
    }
    guard (1...1000).contains(request.steps) else { throw RequestError.steps(request.steps) }
    guard request.guidanceScale >= 0, request.guidanceScale <= 100 else {
      throw RequestError.guidance(request.guidanceScale)
    }
    if let interval = request.guidanceInterval, interval.lowerBound < 0 || interval.upperBound > 999 {
      throw RequestError.guidanceInterval(interval)
    }
    guard (0...1).contains(request.guidanceParallel) else {
      throw RequestError.guidanceParallel(request.guidanceParallel)
    }
    guard (1...4).contains(request.enlargement) else { throw RequestError.enlargement(request.enlargement) }
    if let threshold = request.cacheThreshold, !(0...1).contains(threshold) {
      throw RequestError.cacheThreshold(threshold)
    }
    guard (1...4).contains(request.guidanceEvery) else { throw RequestError.guidanceEvery(request.guidanceEvery) }
    guard request.strength > 0, request.strength <= 1 else { throw SourceError.strength(request.strength) }
    if let source = request.source, source.size != request.size {
      throw RequestError.source(source.size, wanted: request.size)
    }
    try checkMode(request)
    for text in [request.prompt, request.negativePrompt] where text.utf8.count > 1_000_000 {
      throw RequestError.promptTooLong(text.utf8.count)
    }
    if text == nil, !(request.prompt + request.negativePrompt).isEmpty { throw ModelError.noText(name) }
    if request.classIndex != nil, transformer.askableClasses == 0 { throw ModelError.noClasses(name) }
    if let index = request.classIndex, !(0..<transformer.askableClasses).contains(index) {
      throw ModelError.noSuchClass(String(index), suggestion: nil, count: transformer.askableClasses)
    }
    for text in [request.prompt, request.negativePrompt] {
      _ = try WeightedPrompt(text)
    }
    let steps = try sampler(for: request).plan.count
    if request.cacheThreshold != nil, steps <= ModelFolder.leastCachedSteps { throw RequestError.cacheSteps(steps) }
  }

  /// What a mode reads and writes has to be there.
  private func checkMode(_ request: GenerationRequest) throws {
    guard let captions else {
      guard request.mode == .picture else { throw ModelError.noWords(path: url.path, what: name) }
      return
    }
    guard request.mode.steps.contains(where: { $0.image == .drawn }) else { throw RequestError.noPicture }
    if request.mode.readsPicture, request.source == nil { throw SourceError.noImage("--variation") }
    if request.source != nil {
      guard request.mode != .pair else { throw RequestError.pairOfSource }
      try PictureReader.check(self, asGiven: request.mode.readsPicture)
    }
    if request.mode.tellsWords { _ = try captions.vocabulary() }
  }

  /// With so few steps or fewer, each changes too much for the next to do without.
  private static let leastCachedSteps = 8

  /// The sampler of a request; the model's own is set as the folder's scheduler says.
  /// - Parameter strength: how much of the way from noise is gone; nil: as the request says.
  package func sampler(for request: GenerationRequest, strength: Double? = nil) throws -> any Sampler {
    let isOwn = request.sampler == defaults.sampler
    if isOwn, let refusal = scheduler.refusal { throw refusal }
    var settings = isOwn ? scheduler.settings : SamplerSettings(steps: request.steps)
    settings.steps = request.steps
    settings.spacing = request.spacing
    settings.respacing = request.respacing
    settings.eta = request.eta
    settings.strength = strength ?? (request.source == nil ? 1 : request.strength)
    return try SamplerRegistry.make(request.sampler, schedule: scheduler.schedule, settings: settings)
  }

  /// Steps of a request: those of its respacing where it has one.
  package func steps(of request: GenerationRequest) -> Int {
    let respaced = request.respacing.flatMap { try? StepPlan(respacing: $0, schedule: scheduler.schedule).count }
    return respaced ?? request.steps
  }

  /// The share of a picture's multiply-adds that its decoder takes.
  /// - Throws: as ``check(_:)``.
  package func decodingShare(of request: GenerationRequest) throws -> Double {
    let grid = drawnGrid(of: request)
    let step = try transformer.costs(grid: grid, textTokens: min(maximumTokens, 16)).multiplyAdds(.step)
    let branches = guidance(of: request).scale == 1 ? 1 : 2
    let steps = try Double(step * branches * sampler(for: request).evaluationLevels.count)
    let latents = grid.count * transformer.patchSize * transformer.patchSize
    let decoding = try Double(autoencoder.listing().costs(Workload(latents: latents)).total.multiplyAdds)
    return decoding / max(1, decoding + steps)
  }

  /// "small, 256x256, 25 steps, dpm++, guidance 4": all but words, class and seed.
  package func summary(of request: GenerationRequest) -> String {
    "\(name), \(request.size), \(counted(steps(of: request), "step")), \(request.sampler), \(request.settingWords)"
  }
}
