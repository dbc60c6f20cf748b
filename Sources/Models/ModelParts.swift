import DiTCheckpoints
import Foundation
import DiTTransformer

/// Where the parts of a model lie, found before any of them is looked into closely.
struct ModelParts {
  let transformer: any TransformerConfiguration
  /// Folder or file of the transformer's weights.
  let weights: URL
  let text: TextDescription?
  let autoencoder: URL
  /// The model folder; nil for a file, or the folder of a transformer alone.
  private let folder: URL?
  private let index: JSONValue?

  init(_ url: URL, options: ModelOptions) throws {
    let inside = { (path: String) in url.appendingPathComponent(path) }
    let exists = { (url: URL) in FileManager.default.fileExists(atPath: url.path) }
    var hints = ModelHints(compatibility: options.compatibility)
    let configuration: URL?
    if exists(inside("model_index.json")) || exists(inside("transformer/config.json")) {
      folder = url
      index = exists(inside("model_index.json"))
        ? try readConfiguration(JSONValue.self, at: inside("model_index.json")) : nil
      weights = inside("transformer")
      guard exists(inside("transformer/config.json")) else {
        throw ModelError.unsupported(path: url.path, found: index?["_class_name"]?.string ?? "a model without transformer")
      }
      configuration = inside("transformer/config.json")
      hints.pipelineName = index?["_class_name"]?.string
      let vae = inside("vae/config.json")
      hints.latentScale = {
        exists(vae) ? try readConfiguration(JSONValue.self, at: vae)["scaling_factor"]?.number : nil
      }
    } else {
      (folder, index) = (nil, nil)
      weights = url
      configuration = exists(inside("config.json")) ? inside("config.json") : nil
    }
    if let configuration {
      let file = try ConfigurationFile(configuration)
      guard let found = try ModelFamilies.configuration(file, hints) else {
        throw ModelError.unsupported(path: configuration.path, found: file.className)
      }
      transformer = found
    } else {
      transformer = try WeightsKind.configuration(of: openCheckpoint(recognisedAt: url), hints)
    }
    guard let named = options.autoencoder ?? folder?.appendingPathComponent("vae") else {
      throw ModelError.noAutoencoder(path: url.path)
    }
    // A whole model folder will do: its autoencoder is meant.
    let inner = named.appendingPathComponent("vae")
    autoencoder = exists(inner.appendingPathComponent("config.json")) ? inner : named
    text = try ModelParts.text(transformer, url, folder, options)
  }

  private static func text(
    _ transformer: any TransformerConfiguration, _ url: URL, _ folder: URL?, _ options: ModelOptions
  ) throws -> TextDescription? {
    guard transformer.textSize != nil else { return nil }
    let traits = try transformer.traits
    let (limit, lowercases) = (traits.maximumTokens, traits.lowercasesPrompts)
    if let named = options.textEncoder {
      // A whole model folder, or the encoder's own, with the tokenizer inside or beside it.
      let inner = named.appendingPathComponent("text_encoder")
      let encoder = FileManager.default.fileExists(atPath: inner.path) ? inner : named
      let places = [encoder, encoder.deletingLastPathComponent()].flatMap { [$0.appendingPathComponent("tokenizer"), $0] }
      return try TextDescription(encoder: encoder, tokenizers: places, maximumTokens: limit, lowercases: lowercases)
    }
    guard let folder else { throw ModelError.noTextEncoder(path: url.path) }
    return try TextDescription(
      encoder: folder.appendingPathComponent("text_encoder"), tokenizers: [folder.appendingPathComponent("tokenizer")],
      maximumTokens: limit, lowercases: lowercases)
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
    return transformer.isClassConditional && transformer.askableClasses == 1000 ? ImageNetClasses.names : []
  }
}
