import Autoencoder
import Checkpoints
import Diffusion
import Foundation
import Tensors
import Text
import Transformer

/// A model on disk: which parts it has and how they are configured, without their numbers.
///
/// It may be a folder in diffusers' layout, ours or theirs, a transformer's folder alone, or a single file of published
/// weights. Everything is recognised by content: `_class_name` in folders, tensors in files.
public struct ModelFolder: Sendable {
  public let url: URL
  /// The folder's or file's name.
  public var name: String { url.lastPathComponent }
  public let transformer: TransformerDescription
  /// Folder or file of the transformer's weights.
  public let weights: URL
  /// Nil: the model reads no text.
  public let text: TextDescription?
  public let autoencoder: AutoencoderSource
  /// Its folder or file.
  let autoencoderURL: URL
  let tiling: Tiling
  /// PixArt-Σ, whose latents are SDXL's.
  let isSigma: Bool
  public let scheduler: SchedulerConfiguration
  public let defaults: SamplingDefaults
  /// In index order; empty where nobody names them.
  public let classes: [String]
  /// Longest prompt in tokens, end token included; 0 without text.
  public var maximumTokens: Int { text?.maximumTokens ?? 0 }

  /// - Throws: ``ModelError``, `ConfigurationError`, `LoadError` or `AutoencoderError`: one line naming the file.
  public init(_ url: URL, options: ModelOptions = ModelOptions()) throws {
    self.url = url
    let parts = try ModelParts(url, options: options)
    transformer = parts.transformer
    weights = parts.weights
    text = parts.text
    classes = try parts.classNames()
    defaults = try SamplingDefaults(transformer)
    scheduler = try parts.scheduler() ?? SchedulerConfiguration(schedule: defaults.schedule)
    (autoencoderURL, isSigma) = (parts.autoencoder, parts.isSigma)
    tiling = options.tiling
    autoencoder = try AutoencoderSource(parts.autoencoder, scaling: parts.isSigma ? .stableDiffusionXL : nil)
    try check()
  }

  /// The parts have to fit each other.
  private func check() throws {
    func fits(_ condition: Bool, _ reason: String) throws {
      guard condition else { throw ConfigurationError.wrong(file: weights.path, reason: reason) }
    }
    if let text {
      try fits(
        transformer.textSize == text.configuration.hiddenSize,
        "the transformer reads text of \(transformer.textSize ?? 0) numbers a token, the text encoder \(text.weights.path) "
          + "writes \(text.configuration.hiddenSize)")
    }
    try fits(
      transformer.latentChannels == autoencoder.latentChannels,
      "the transformer's latents have \(transformer.latentChannels) channels, the autoencoder's "
        + "\(autoencoder.latentChannels)")
    try fits(
      classes.isEmpty || classes.count == transformer.classes,
      "the transformer knows \(transformer.classes) classes, but classes.json (or id2label) names \(classes.count)")
  }

  // MARK: sizes

  /// Pixels along one side of a patch: sizes are multiples of it.
  public var sizeStep: Int { transformer.patchSize * autoencoder.scaleFactor }

  /// The size the model was trained at.
  public var nativeSize: PictureSize {
    PictureSize(
      width: transformer.sampleSize[1] * autoencoder.scaleFactor,
      height: transformer.sampleSize[0] * autoencoder.scaleFactor)
  }

  /// The size that is drawn, to be scaled and cut to the wanted one.
  public func drawnSize(for size: PictureSize) -> PictureSize {
    guard case .pixArt = transformer else { return size }
    return AspectBins.size(for: size, native: nativeSize.width)
  }

  // MARK: requests

  /// What is drawn where the user says nothing.
  public var defaultRequest: GenerationRequest {
    var request = GenerationRequest(size: nativeSize)
    request.steps = defaults.steps
    request.sampler = defaults.sampler
    request.guidanceScale = defaults.guidanceScale
    request.guidanceChannels = defaults.channels
    return request
  }

  /// Throws what is wrong with a request, in one line, before any weights are read.
  public func check(_ request: GenerationRequest) throws {
    if case .uvit(let configuration) = transformer, request.size != nativeSize {
      let grid = Grid(height: request.size.height / sizeStep, width: request.size.width / sizeStep)
      throw UViTError.grid(grid, native: configuration.nativeGrid)
    }
    let nearest = request.size.nearestLegal(step: sizeStep)
    guard nearest == request.size else { throw RequestError.size(request.size, nearest: nearest, step: sizeStep) }
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
    guard request.strength > 0, request.strength <= 1 else { throw SourceError.strength(request.strength) }
    for text in [request.prompt, request.negativePrompt] where text.utf8.count > 1_000_000 {
      throw RequestError.promptTooLong(text.utf8.count)
    }
    if text == nil, !(request.prompt + request.negativePrompt).isEmpty { throw RequestError.noText(name) }
    if request.classIndex != nil, transformer.classes == 0 { throw ModelError.noClasses(name) }
    if try !WeightedPrompt(request.prompt).isPlain, case .uvit = transformer { throw WeightError.unsupported(name) }
    guard try WeightedPrompt(request.negativePrompt).isPlain else { throw WeightError.negative }
    _ = try sampler(for: request)
  }

  /// - Throws: `TokenizerError`, or ``RequestError/noText(_:)`` where the model reads no text.
  public func tokenizer() throws -> Tokenizer {
    guard let text else { throw RequestError.noText(name) }
    return try text.makeTokenizer()
  }

  func sampler(for request: GenerationRequest) throws -> any Sampler {
    try SamplerRegistry.make(
      request.sampler, schedule: scheduler.schedule,
      settings: SamplerSettings(
        steps: request.steps, spacing: request.spacing, respacing: request.respacing, eta: request.eta,
        strength: request.source == nil ? 1 : request.strength))
  }

  /// Steps of a request: those of its respacing where it has one.
  public func steps(of request: GenerationRequest) -> Int {
    let respaced = request.respacing.flatMap { try? StepPlan(respacing: $0, schedule: scheduler.schedule).count }
    return respaced ?? request.steps
  }
}
