import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTextToImage
import DiTTransformer
import Foundation

/// What a model consists of and what it takes to run, told without reading its numbers.
package struct ModelInspection: Encodable, Sendable {
  package struct Stage: Encodable, Sendable {
    package let name: String
    package let parameters: Int
    package let multiplyAdds: Int
    /// "a step" or "a picture".
    package let per: String
  }

  /// A network of the model: its transformer, its text encoder, its autoencoder.
  package struct Part: Encodable, Sendable {
    package let name: String
    package let stages: [Stage]
    package let parameters: Int
    package let multiplyAddsPerStep: Int
    package let multiplyAddsPerPicture: Int

    init(_ name: String, _ costs: [StageCost]) {
      self.name = name
      stages = costs.map {
        Stage(
          name: $0.name, parameters: $0.cost.parameters, multiplyAdds: $0.cost.multiplyAdds, per: $0.frequency.rawValue)
      }
      parameters = costs.total.parameters
      multiplyAddsPerStep = costs.multiplyAdds(.step)
      multiplyAddsPerPicture = costs.multiplyAdds(.picture)
    }
  }

  package struct StoredTensor: Encodable, Sendable {
    package let name: String
    package let shape: [Int]
    /// Nil where a configuration alone is looked at.
    package let type: String?
  }

  package let name: String
  package let parts: [Part]
  package let tensors: [StoredTensor]
  /// Patches of the picture, and tokens of the prompt, that the multiply-adds are of; nil without a configuration.
  package let grid: [Int]?
  package let textTokens: Int?
  /// What the folder's scheduler says, and what is done of it; nil without one.
  package let scheduler: String?
  /// Of the multiply-adds of a step; nil where the model reads no text.
  package let textCrossAttentionShare: Double?

  /// Numbers in all tensors.
  package var storedParameters: Int { tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } }

  private init(
    _ name: String, _ parts: [Part], _ tensors: [StoredTensor], grid: Grid? = nil, textTokens: Int? = nil,
    scheduler: String? = nil
  ) {
    self.name = name
    self.scheduler = scheduler
    self.parts = parts
    self.tensors = tensors
    self.grid = grid.map { [$0.height, $0.width] }
    self.textTokens = textTokens
    let transformer = parts.first { $0.name == "transformer" }
    let text = transformer?.stages.first { $0.name == DiT.textStage }
    textCrossAttentionShare = text.map {
      Double($0.multiplyAdds) / Double(max(1, transformer?.multiplyAddsPerStep ?? 1))
    }
  }

  // MARK: of a configuration

  /// A model of the paper or one of ours, by name.
  /// - Parameters:
  ///   - scheme: nil: adaLN-Zero; others are for the paper's models.
  ///   - size: pixels; nil: the model's own.
  /// - Throws: ``BlueprintError``, ``RequestError``.
  package init(
    configuration name: String, scheme: ConditioningScheme? = nil, size: PictureSize? = nil, textTokens: Int = 16
  ) throws {
    if let paper = PaperModels.configuration(name, scheme ?? .adaLNZero) {
      let grid = try ModelInspection.grid(of: size, paper, factor: 8)
      self.init(
        "DiT-\(name.uppercased().replacing("DIT-", with: "")), \(paper.scheme.rawValue)",
        [Part("transformer", try paper.costs(grid: grid))], ModelInspection.listed(try paper.listing().parameters),
        grid: grid)
      return
    }
    let blueprint = try ModelBlueprint(named: name)
    var transformer = blueprint.transformer
    if let scheme { transformer.scheme = scheme }
    let grid = try ModelInspection.grid(of: size, transformer, factor: blueprint.autoencoder.scaleFactor)
    let (text, autoencoder) = (try blueprint.textEncoder.listing(), try blueprint.autoencoder.listing())
    let tensors =
      try ModelInspection.listed(transformer.listing().parameters, "transformer/")
      + ModelInspection.listed(text.parameters, "text_encoder/")
      + ModelInspection.listed(autoencoder.parameters, "vae/")
    let parts = [
      Part("transformer", try transformer.costs(grid: grid, textTokens: textTokens)),
      Part("text encoder", text.costs(Workload(textTokens: textTokens))),
      Part(
        "autoencoder",
        autoencoder.costs(Workload(latents: grid.count * transformer.patchSize * transformer.patchSize))),
    ]
    self.init(name, parts, tensors, grid: grid, textTokens: textTokens)
  }

  private static func listed(_ parameters: [Parameter], _ prefix: String = "") -> [StoredTensor] {
    parameters.map { StoredTensor(name: prefix + $0.name, shape: $0.shape, type: nil) }
  }

  private static func grid(of size: PictureSize?, _ configuration: any TransformerConfiguration, factor: Int) throws -> Grid {
    guard let size else { return configuration.nativeGrid }
    let step = configuration.patchSize * factor
    let limits = configuration.sizeLimits(factor: factor)
    let nearest = size.nearestLegal(step: step, within: limits)
    guard nearest == size else { throw RequestError.size(size, nearest: nearest, step: step, limits: limits) }
    return Grid(height: size.height / step, width: size.width / step)
  }

  // MARK: of files

  /// A model folder: all its parts.
  package init(folder: ModelFolder, size: PictureSize? = nil, textTokens: Int = 16) throws {
    var files = [("transformer/", try openTransformer(at: folder.weights))]
    if let text = folder.text { files.append(("text_encoder/", try text.openWeights())) }
    files.append(("vae/", try folder.autoencoder.tensors))
    for (name, _, checkpoint) in try folder.captions?.networks() ?? [] { files.append((name + "/", checkpoint)) }
    let tensors = files.flatMap { ModelInspection.listed($1, $0) }
    let tokens = folder.text == nil ? 0 : textTokens
    let transformer = folder.transformer
    let grid = try ModelInspection.grid(of: size, transformer, factor: folder.autoencoder.scaleFactor)
    let checkpoint = files[0].1
    var parts = [Part("transformer", try transformer.costs(grid: grid, textTokens: tokens, checkpoint))]
    let work = Workload(textTokens: tokens, latents: grid.count * transformer.patchSize * transformer.patchSize)
    if let text = folder.text { parts.append(Part("text encoder", try text.configuration.listing().costs(work))) }
    parts.append(Part("autoencoder", try folder.autoencoder.listing().costs(work)))
    for (name, listing, _) in try folder.captions?.networks() ?? [] {
      parts.append(Part(name == "text_decoder" ? "caption decoder" : "image encoder", listing.costs(work)))
    }
    let scheduler = folder.scheduler.className.map {
      "\($0): \(folder.scheduler.summary); draws with \(folder.defaultsInWords)"
    }
    self.init(folder.name, parts, tensors, grid: grid, textTokens: tokens > 0 ? tokens : nil, scheduler: scheduler)
  }

  /// A checkpoint: its tensors, and what it takes to run where a DiT's `config.json` lies beside it.
  package init(checkpoint url: URL, baseSize: Int? = nil, size: PictureSize? = nil, textTokens: Int = 16) throws {
    let tensors = try ModelInspection.listed(openCheckpoint(at: url), "")
    let folder =
      (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true ? url : url.deletingLastPathComponent()
    let file = folder.appendingPathComponent("config.json")
    // A configuration beside a file may be another's.
    let isTransformer = (try? openTransformer(at: url)).map { WeightsKind($0).isTransformer } ?? true
    guard FileManager.default.fileExists(atPath: file.path), isTransformer,
      let configuration = try? ModelFamilies.configuration(ConfigurationFile(file), ModelHints())
    else {
      self.init(url.lastPathComponent, [], tensors)
      return
    }
    let sized = try NativeSize.applied(to: configuration, baseSize, file: url, factor: 8).transformer
    let grid = try ModelInspection.grid(of: size, sized, factor: 8)
    let tokens = configuration.textSize == nil ? 0 : textTokens
    let costs = try configuration.costs(grid: grid, textTokens: tokens, openTransformer(at: url))
    self.init(
      url.lastPathComponent, [Part("transformer", costs)], tensors, grid: grid, textTokens: tokens > 0 ? tokens : nil)
  }

  private static func listed(_ checkpoint: Checkpoint, _ prefix: String) -> [StoredTensor] {
    checkpoint.records.map { StoredTensor(name: prefix + $0.name.string, shape: $0.shape, type: $0.type.rawValue) }
  }
}
