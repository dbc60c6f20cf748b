import DiTAutoencoder
import DiTCheckpoints
import DiTDiffusion
import DiTErrors
import DiTFiles
import Foundation
import DiTTensors
import DiTText
import DiTTransformer

/// A model on disk: which parts it has and how they are configured, without their numbers.
///
/// It may be a folder in diffusers' layout, ours or theirs, a transformer's folder alone, or a single file of published
/// weights. Everything is recognised by content: `_class_name` in folders, tensors in files.
public struct ModelFolder: Sendable {
  /// The folder or file.
  public let url: URL
  /// The folder's or file's name; of a snapshot in the hub's cache, the repository's.
  public var name: String { HubCache.name(of: url) }
  /// Whether it is a folder, and no file of weights.
  package var isFolder: Bool { DiTFiles.isFolder(url) }
  package let transformer: any TransformerConfiguration
  /// Folder or file of the transformer's weights.
  package let weights: URL
  /// Nil: the model reads no text.
  package let text: TextDescription?
  /// What it draws and reads words by; nil: it draws none.
  package let captions: CaptionParts?
  package let autoencoder: AutoencoderSource
  /// Its folder or file.
  package let autoencoderURL: URL
  /// What the user said about it.
  package let options: ModelOptions
  /// The side in pixels that the model was taken to be trained at, where its files do not say so.
  package let recordedBaseSize: Int?
  package var tiling: Tiling { options.tiling }
  package let scheduler: SchedulerConfiguration
  package let traits: TransformerTraits
  /// The family's, and what the folder's scheduler says instead.
  package let defaults: SamplingDefaults
  /// What its pictures bear to have left out; nil where nobody has measured it.
  package let cache: CacheSettings?
  /// What it says of itself; nil where it says nothing.
  package let limits: ModelLimits?
  let fastAdapters = FastAdapterShelf()
  /// In index order; empty where nobody names them.
  public let classes: [String]
  /// What was assumed about the model because its files do not say, or is not used of what they say, a line each.
  package let notes: [String]
  /// Longest prompt in tokens, end token included; 0 without text.
  public var maximumTokens: Int { text?.maximumTokens ?? 0 }

  /// - Throws: `ModelError`, `ConfigurationError`, `LoadError` or `AutoencoderError`: one line naming the file.
  public init(_ url: URL, options: ModelOptions = ModelOptions()) throws {
    try self.init(url, options: options, for: .pictures)
  }

  /// - Parameter purpose: which of its parts are needed.
  /// - Throws: as ``init(_:options:)``.
  package init(_ url: URL, options: ModelOptions = ModelOptions(), for purpose: ModelPurpose) throws {
    let url = try HubCache.resolved(url)
    self.url = url
    var options = options
    options.autoencoder = try options.autoencoder.map(HubCache.resolved)
    options.textEncoder = try options.textEncoder.map(HubCache.resolved)
    options.tokenizer = try options.tokenizer.map(HubCache.resolved)
    options.captionDecoder = try options.captionDecoder.map(HubCache.resolved)
    options.captionTokenizer = try options.captionTokenizer.map(HubCache.resolved)
    options.imageEncoder = try options.imageEncoder.map(HubCache.resolved)
    self.options = options
    let parts = try ModelParts(url, options: options, for: purpose)
    weights = parts.weights
    text = parts.text
    captions = parts.captions
    classes = try parts.classNames()
    traits = try parts.transformer.traits
    let scheduler = try parts.scheduler(training: traits.trainingSchedulers)
    self.scheduler = scheduler ?? SchedulerConfiguration(traits.sampling)
    limits = try ModelLimits(in: url)
    var defaults = traits.sampling
    if let steps = limits?.steps { defaults.steps = steps }
    scheduler?.apply(to: &defaults)
    // Its one branch is no want of guidance.
    if traits.embedsGuidance { defaults.guidanceScale = traits.sampling.guidanceScale }
    self.defaults = defaults
    cache = try CacheSettings(in: url)
    autoencoderURL = parts.autoencoder
    autoencoder = try AutoencoderSource(
      parts.autoencoder, scaling: traits.latentScale.map { LatentScaling(factor: $0) },
      overriding: traits.keepsLatentScale && !parts.ownsAutoencoder)
    let sized = try NativeSize.applied(
      to: parts.transformer, options.baseSize, file: parts.weightsName, factor: autoencoder.scaleFactor)
    transformer = sized.transformer
    let isAssumed = options.baseSize != nil || parts.transformer.isSizeAssumed
    recordedBaseSize = isAssumed ? sized.transformer.latentSize[0] * autoencoder.scaleFactor : nil
    let onScheduler = scheduler?.notes ?? [parts.note(onSchedulerOf: traits)].compactMap(\.self)
    notes = [sized.note, parts.note(on: autoencoder)].compactMap { $0 } + onScheduler
    try check()
    for adapter in options.adapters { try check(adapter) }
  }

  /// The parts have to fit each other.
  private func check() throws {
    func fits(_ condition: Bool, _ reason: String) throws {
      guard condition else { throw ConfigurationError.wrong(file: weights.path, reason: reason) }
    }
    if let text {
      try fits(
        transformer.textSize == text.width,
        "the transformer reads text of \(transformer.textSize ?? 0) numbers a token, the text encoder \(text.weights.path) "
          + "writes \(text.width)")
    }
    try fits(
      transformer.latentChannels == autoencoder.latentChannels,
      "the transformer's latents have \(transformer.latentChannels) channels, the autoencoder's "
        + "\(autoencoder.latentChannels)")
    try fits(
      classes.isEmpty || classes.count == transformer.askableClasses,
      "the transformer knows \(transformer.askableClasses) classes, but classes.json (or id2label) names \(classes.count)")
  }

  /// "lcm, 4 steps, guidance 1".
  package var defaultsInWords: String {
    let name = scheduler.refusal == nil ? defaults.sampler : "none but by --sampler"
    return "\(name), \(counted(defaults.steps, "step")), guidance \(String(format: "%g", defaults.guidanceScale))"
  }

  // MARK: sizes

  /// Pixels along one side of a patch: sizes are multiples of it.
  public var sizeStep: Int { transformer.patchSize * autoencoder.scaleFactor }

  /// The patches of a picture.
  package func grid(of size: PictureSize) -> Grid { Grid(height: size.height / sizeStep, width: size.width / sizeStep) }

  /// The size the model was trained at.
  public var nativeSize: PictureSize {
    PictureSize(
      width: transformer.latentSize[1] * autoencoder.scaleFactor,
      height: transformer.latentSize[0] * autoencoder.scaleFactor)
  }

  /// The one size that is drawn, where stored positions allow no other.
  package var onlySize: PictureSize? { traits.drawsNativeSizeOnly ? nativeSize : nil }

  /// Sides that are drawn.
  package var sizeLimits: ClosedRange<Int> { transformer.sizeLimits(factor: autoencoder.scaleFactor) }

  /// The size that is drawn where nobody asks for one: the native, or the closest to it that is allowed.
  package var usualSize: PictureSize {
    traits.drawsNativeSizeOnly ? nativeSize : nativeSize.nearestLegal(step: sizeStep, within: sizeLimits)
  }

  /// A line for the model's own size, where it is large or is not the one that is drawn.
  package var usualSizeNote: String? {
    traits.drawsNativeSizeOnly ? nil : NativeSize.note(native: nativeSize, drawn: usualSize)
  }

  /// At which size a picture of a size is drawn, where the model chooses it.
  package func sizePlan(for size: PictureSize) -> SizePlan {
    if traits.hasAspectBins, case let bin = AspectBins.size(for: size, native: nativeSize.width), bin != size {
      return .reduced(from: bin)
    }
    return limits?.plan(for: size, native: nativeSize, step: sizeStep) ?? .direct
  }

  // MARK: text

  /// - Throws: `TokenizerError`, or ``ModelError/noText(_:)`` where the model reads no text.
  package func tokenizer() throws -> any TextTokenizer {
    guard let text else { throw ModelError.noText(name) }
    return try text.makeTokenizer()
  }
}
