import DiTCheckpoints
import Foundation
import DiTTransformer

/// Everything of a model folder beside its networks' weights: configurations, tokenizer, class names, the adapter for few
/// steps. What a single file of weights does not bring is written from what its tensors told.
struct ModelDescriptions {
  private let model: ModelFolder

  init(_ model: ModelFolder) { self.model = model }

  func write(to target: URL) throws {
    let files = FileManager.default
    let names = model.folderNames
    for part in [names.transformer, "vae"] + (model.text == nil ? [] : ["text_encoder", names.tokenizer]) {
      try files.createDirectory(at: target.appendingPathComponent(part), withIntermediateDirectories: true)
    }
    // Goldens belong to the very numbers they were computed from and stay behind, as do indices of shards.
    let described = [
      "model_index.json", "classes.json", "vocabulary.txt", ModelLimits.fileName, CacheSettings.fileName, FastAdapter.fileName,
      "scheduler/scheduler_config.json",
    ]
    for name in described {
      try copy(model.url.appendingPathComponent(name), to: target.appendingPathComponent(name))
    }
    let index = target.appendingPathComponent("model_index.json")
    if !files.fileExists(atPath: index.path) { try write(.object(["_class_name": .string(model.traits.pipelineName)]), to: index) }
    if let name = model.traits.tellingName, var fields = try readConfiguration(JSONValue.self, at: index).object {
      fields["_name_or_path"] = .string(name)
      try write(.object(fields), to: index)
    }

    let configuration = target.appendingPathComponent(names.transformer + "/config.json")
    let isStated = model.options.baseSize == nil
    if try !isStated || !copy(model.weights.appendingPathComponent("config.json"), to: configuration) {
      try write(model.transformer.fields, to: configuration)
    }
    let vae = target.appendingPathComponent("vae/config.json")
    let isOverridden = model.autoencoder.overriddenScale != nil
    if try isOverridden || !copyAutoencoder(to: vae) { try write(model.autoencoder.configuration.fields, to: vae) }
    for (path, bytes) in try model.captions?.descriptions() ?? [] {
      let file = target.appendingPathComponent(path)
      try files.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try bytes.write(to: file)
    }
    guard let text = model.text else { return }
    let encoder = target.appendingPathComponent("text_encoder/config.json")
    if try !copy(text.weights.appendingPathComponent("config.json"), to: encoder) {
      try write(text.configuration.fields, to: encoder)
    }
    for file in try text.tokenizerFiles() {
      try Data(file.bytes).write(to: target.appendingPathComponent("\(names.tokenizer)/\(file.name)"))
    }
    try write(
      .object(["model_max_length": .number(Double(text.maximumTokens))]),
      to: target.appendingPathComponent(names.tokenizer + "/tokenizer_config.json"))
  }

  /// The autoencoder's configuration, which lies in its folder or beside its file; one beside a file may be another's.
  private func copyAutoencoder(to target: URL) throws -> Bool {
    for folder in [model.autoencoderURL, model.autoencoderURL.deletingLastPathComponent()] {
      let file = folder.appendingPathComponent("config.json")
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let name = try readConfiguration(JSONValue.self, at: file)["_class_name"]?.string ?? ""
      return try name.contains("Autoencoder") && copy(file, to: target)
    }
    return false
  }

  /// Copies a file, where there is one; links are followed.
  @discardableResult
  private func copy(_ source: URL, to target: URL) throws -> Bool {
    let source = source.resolvingSymlinksInPath()
    guard FileManager.default.fileExists(atPath: source.path) else { return false }
    try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(contentsOf: source).write(to: target)
    return true
  }

  private func write(_ value: JSONValue, to url: URL) throws { try jsonData(value).write(to: url) }
}

/// For a file that people read.
func jsonData(_ value: JSONValue) throws -> Data {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  return try encoder.encode(value)
}

extension ModelFolder {
  /// Of the parts of a folder that the model is written into.
  var folderNames: FolderNames { ModelFamilies.folder(ofPipeline: traits.pipelineName) }
}
