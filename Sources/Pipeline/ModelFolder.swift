import Autoencoder
import Checkpoints
import Diffusion
import Foundation
import Tensors
import Text
import Transformer

/// A model on disk in diffusers' layout: which parts it has and how they are configured, without their numbers.
public struct ModelFolder: Sendable {
  public let url: URL
  /// The folder's name.
  public var name: String { url.lastPathComponent }
  public let transformer: DiTConfiguration
  public let textEncoder: T5Configuration
  public let autoencoder: TinyAutoencoderConfiguration
  public let scheduler: SchedulerConfiguration
  /// In index order; empty where the folder does not name them.
  public let classes: [String]
  /// Longest prompt in tokens, end token included.
  public let maximumTokens: Int

  private struct Named: Decodable {
    let className: String?
    enum CodingKeys: String, CodingKey { case className = "_class_name" }
  }

  private struct TokenizerConfiguration: Decodable {
    let maximumLength: Double?  // Hugging Face writes 1e30 for "no limit"
    enum CodingKeys: String, CodingKey { case maximumLength = "model_max_length" }
  }

  /// - Throws: ``ModelError`` or `ConfigurationError`, one line naming the file.
  public init(_ url: URL) throws {
    self.url = url
    let part = { (path: String) in url.appendingPathComponent(path) }
    func expect(_ path: String, _ name: String) throws {
      let found = try readConfiguration(Named.self, at: part(path)).className ?? "a configuration without _class_name"
      guard found == name else { throw ModelError.unsupported(path: part(path).path, found: found) }
    }
    try expect("transformer/config.json", "DiTTextTransformer2DModel")
    transformer = try readConfiguration(DiTConfiguration.self, at: part("transformer/config.json"))
    textEncoder = try readConfiguration(T5Configuration.self, at: part("text_encoder/config.json"))
    try expect("vae/config.json", "TinyAutoencoder")
    autoencoder = try readConfiguration(TinyAutoencoderConfiguration.self, at: part("vae/config.json"))
    scheduler = try readConfiguration(SchedulerConfiguration.self, at: part("scheduler/scheduler_config.json"))
    let classFile = part("classes.json")
    let exists = FileManager.default.fileExists(atPath: classFile.path)
    classes = exists ? try readConfiguration([String].self, at: classFile) : []
    let tokenizer = part("tokenizer/tokenizer_config.json")
    let length = FileManager.default.fileExists(atPath: tokenizer.path)
      ? try readConfiguration(TokenizerConfiguration.self, at: tokenizer).maximumLength : nil
    maximumTokens = Int(min(max(length ?? 512, 1), 4096))
    try check()
  }

  /// The parts have to fit each other.
  private func check() throws {
    let path = url.appendingPathComponent("transformer/config.json").path
    func fits(_ condition: Bool, _ reason: String) throws {
      guard condition else { throw ConfigurationError.wrong(file: path, reason: reason) }
    }
    try fits(
      transformer.textSize == textEncoder.hiddenSize,
      "text_dim is not the text encoder's d_model \(textEncoder.hiddenSize)")
    try fits(
      transformer.inChannels == autoencoder.latentChannels,
      "in_channels \(transformer.inChannels) is not the autoencoder's latent_channels \(autoencoder.latentChannels)")
    try fits(
      classes.isEmpty || classes.count == transformer.classes,
      "num_classes \(transformer.classes), but classes.json names \(classes.count)")
  }

  /// Pixels along one side of a patch: sizes are multiples of it.
  public var sizeStep: Int { transformer.patchSize << (autoencoder.decoderChannels.count - 1) }

  /// The size the model was trained at.
  public var nativeSize: PictureSize {
    let factor = 1 << (autoencoder.decoderChannels.count - 1)
    return PictureSize(width: transformer.sampleSize[1] * factor, height: transformer.sampleSize[0] * factor)
  }

  /// The index of a class given by name or number.
  /// - Throws: ``RequestError/noSuchClass(_:suggestion:count:)``.
  public func classIndex(_ text: String) throws -> Int {
    let wanted = text.trimmingCharacters(in: .whitespaces).lowercased()
    if let index = classes.firstIndex(where: { $0.lowercased() == wanted }) { return index }
    if let index = Int(wanted), (0..<transformer.classes).contains(index) { return index }
    guard !classes.isEmpty else { throw RequestError.noClasses(text) }
    let closest = classes.min { editDistance($0, wanted) < editDistance($1, wanted) }
    let near = closest.flatMap { editDistance($0, wanted) <= max(2, wanted.count / 3) ? $0 : nil }
    throw RequestError.noSuchClass(text, suggestion: near, count: classes.count)
  }
}

extension ModelFolder {
  /// What a class is called: its name, or its index where it has none.
  public func className(_ index: Int) -> String { classes.indices.contains(index) ? classes[index] : String(index) }

  /// Throws what is wrong with a request, in one line, before any weights are read.
  public func check(_ request: GenerationRequest) throws {
    let nearest = request.size.nearestLegal(step: sizeStep)
    guard nearest == request.size else { throw RequestError.size(request.size, nearest: nearest, step: sizeStep) }
    guard (1...1000).contains(request.steps) else { throw RequestError.steps(request.steps) }
    guard request.guidanceScale >= 0, request.guidanceScale <= 100 else {
      throw RequestError.guidance(request.guidanceScale)
    }
    if let interval = request.guidanceInterval, interval.lowerBound < 0 || interval.upperBound > 999 {
      throw RequestError.guidanceInterval(interval)
    }
    guard request.strength > 0, request.strength <= 1 else { throw SourceError.strength(request.strength) }
    _ = try WeightedPrompt(request.prompt)
    guard try WeightedPrompt(request.negativePrompt).isPlain else { throw WeightError.negative }
    for text in [request.prompt, request.negativePrompt] where text.utf8.count > 1_000_000 {
      throw RequestError.promptTooLong(text.utf8.count)
    }
    _ = try sampler(for: request)
  }

  /// - Throws: `TokenizerError`.
  public func tokenizer() throws -> Tokenizer {
    try Tokenizer(contentsOf: url.appendingPathComponent("tokenizer/spiece.model"), maximumLength: maximumTokens)
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

/// Insertions, deletions and substitutions from one word to another (Levenshtein).
func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b.prefix(64))
  var row = Array(0...b.count)
  for (i, x) in a.prefix(64).enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
      diagonal = row[j + 1]
      row[j + 1] = next
    }
  }
  return row[b.count]
}
