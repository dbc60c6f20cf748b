import DiTCheckpoints
import Foundation
import DiTTransformer

/// Where the parts of a model lie, found before any of them is looked into closely.
struct ModelParts {
  let transformer: TransformerDescription
  /// Folder or file of the transformer's weights.
  let weights: URL
  let text: TextDescription?
  let autoencoder: URL
  /// PixArt-Σ, whose latents are SDXL's and whose prompts may be longer.
  let isSigma: Bool
  /// The model folder; nil for a file, or the folder of a transformer alone.
  private let folder: URL?
  private let index: JSONValue?

  init(_ url: URL, options: ModelOptions) throws {
    let inside = { (path: String) in url.appendingPathComponent(path) }
    let exists = { (url: URL) in FileManager.default.fileExists(atPath: url.path) }
    let recognised: RecognisedTransformer?
    if exists(inside("model_index.json")) || exists(inside("transformer/config.json")) {
      folder = url
      index = exists(inside("model_index.json"))
        ? try readConfiguration(JSONValue.self, at: inside("model_index.json")) : nil
      weights = inside("transformer")
      guard exists(inside("transformer/config.json")) else {
        throw ModelError.unsupported(path: url.path, found: index?["_class_name"]?.string ?? "a model without transformer")
      }
      recognised = nil
      transformer = try TransformerDescription(
        configuration: inside("transformer/config.json"), compatibility: options.compatibility)
    } else {
      (folder, index) = (nil, nil)
      weights = url
      if exists(inside("config.json")) {
        recognised = nil
        transformer = try TransformerDescription(
          configuration: inside("config.json"), compatibility: options.compatibility)
      } else {
        let found = try RecognisedTransformer(openCheckpoint(recognisedAt: url), compatibility: options.compatibility)
        recognised = found
        transformer = found.description
      }
    }
    let vae = folder?.appendingPathComponent("vae")
    isSigma = try recognised?.isSigma ?? ModelParts.isSigma(index, vae: vae)
    guard let named = options.autoencoder ?? vae else { throw ModelError.noAutoencoder(path: url.path) }
    // A whole model folder will do: its autoencoder is meant.
    let inner = named.appendingPathComponent("vae")
    autoencoder = exists(inner.appendingPathComponent("config.json")) ? inner : named
    text = try ModelParts.text(
      transformer, url, folder, options, maximumTokens: recognised?.maximumTokens, isSigma: isSigma)
  }

  private static func text(
    _ transformer: TransformerDescription, _ url: URL, _ folder: URL?, _ options: ModelOptions, maximumTokens: Int?,
    isSigma: Bool
  ) throws -> TextDescription? {
    guard transformer.textSize != nil else { return nil }
    let isPixArt = if case .pixArt = transformer { true } else { false }
    let limit = isPixArt ? maximumTokens ?? (isSigma ? 300 : 120) : nil
    if let named = options.textEncoder {
      // A whole model folder, or the encoder's own, with the tokenizer inside or beside it.
      let inner = named.appendingPathComponent("text_encoder")
      let encoder = FileManager.default.fileExists(atPath: inner.path) ? inner : named
      let places = [encoder, encoder.deletingLastPathComponent()].flatMap { [$0.appendingPathComponent("tokenizer"), $0] }
      return try TextDescription(encoder: encoder, tokenizers: places, maximumTokens: limit, lowercases: isPixArt)
    }
    guard let folder else { throw ModelError.noTextEncoder(path: url.path) }
    return try TextDescription(
      encoder: folder.appendingPathComponent("text_encoder"), tokenizers: [folder.appendingPathComponent("tokenizer")],
      maximumTokens: limit, lowercases: isPixArt)
  }

  /// Σ's pipeline says so; else its autoencoder, SDXL's, gives it away.
  private static func isSigma(_ index: JSONValue?, vae: URL?) throws -> Bool {
    if let name = index?["_class_name"]?.string, name.hasPrefix("PixArt") { return name.hasPrefix("PixArtSigma") }
    guard let file = vae?.appendingPathComponent("config.json"), FileManager.default.fileExists(atPath: file.path) else {
      return false
    }
    return try readConfiguration(JSONValue.self, at: file)["scaling_factor"]?.number == 0.13025
  }

  /// `scheduler/scheduler_config.json`, where there is one.
  func scheduler() throws -> SchedulerConfiguration? {
    guard let file = folder?.appendingPathComponent("scheduler/scheduler_config.json"),
      FileManager.default.fileExists(atPath: file.path)
    else { return nil }
    return try readConfiguration(SchedulerConfiguration.self, at: file)
  }

  /// From `classes.json`, from diffusers' `id2label`, or ImageNet's for a model of a thousand classes.
  func classNames() throws -> [String] {
    if let file = folder?.appendingPathComponent("classes.json"), FileManager.default.fileExists(atPath: file.path) {
      return try readConfiguration([String].self, at: file)
    }
    if let labels = index?["id2label"]?.object {
      let names = (0..<labels.count).compactMap { labels[String($0)]?.string }
      if names.count == labels.count { return names }
    }
    return transformer.isClassConditional && transformer.classes == 1000 ? ImageNetClasses.names : []
  }
}
