import DiTCheckpoints
import Foundation
import DiTTransformer

/// Everything of a model folder that is not weights: configurations, tokenizer, class names. What a single file of
/// weights does not bring is written from what its tensors told.
struct ModelDescriptions {
  private let model: ModelFolder

  init(_ model: ModelFolder) { self.model = model }

  func write(to target: URL) throws {
    let files = FileManager.default
    for part in ["transformer", "vae"] + (model.text == nil ? [] : ["text_encoder", "tokenizer"]) {
      try files.createDirectory(at: target.appendingPathComponent(part), withIntermediateDirectories: true)
    }
    // Goldens belong to the very numbers they were computed from and stay behind, as do indices of shards.
    for name in ["model_index.json", "classes.json", "vocabulary.txt", "scheduler/scheduler_config.json"] {
      try copy(model.url.appendingPathComponent(name), to: target.appendingPathComponent(name))
    }
    let index = target.appendingPathComponent("model_index.json")
    if !files.fileExists(atPath: index.path) { try write(.object(["_class_name": .string(pipelineName)]), to: index) }

    let configuration = target.appendingPathComponent("transformer/config.json")
    if try !copy(model.weights.appendingPathComponent("config.json"), to: configuration) {
      try write(model.transformer.fields, to: configuration)
    }
    try copyAutoencoder(to: target.appendingPathComponent("vae/config.json"))
    guard let text = model.text else { return }
    try copy(
      text.weights.appendingPathComponent("config.json"), to: target.appendingPathComponent("text_encoder/config.json"))
    try copy(text.tokenizer, to: target.appendingPathComponent("tokenizer/spiece.model"))
    try write(
      .object(["model_max_length": .number(Double(text.maximumTokens))]),
      to: target.appendingPathComponent("tokenizer/tokenizer_config.json"))
  }

  /// The autoencoder's configuration, which lies in its folder or beside its file; one beside a file may be another's.
  private func copyAutoencoder(to target: URL) throws {
    for folder in [model.autoencoderURL, model.autoencoderURL.deletingLastPathComponent()] {
      let file = folder.appendingPathComponent("config.json")
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let name = try readConfiguration(JSONValue.self, at: file)["_class_name"]?.string ?? ""
      if name.contains("Autoencoder") { try copy(file, to: target) }
      return
    }
  }

  /// For a file of weights, whose folder must say what decodes its latents.
  private var pipelineName: String {
    switch model.transformer {
    case .dit: "DiTPipeline"
    case .pixArt: model.isSigma ? "PixArtSigmaPipeline" : "PixArtAlphaPipeline"
    case .uvit: "UViTPipeline"
    }
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

  private func write(_ value: JSONValue, to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(value).write(to: url)
  }
}

extension TransformerDescription {
  /// A `config.json` that is read back as this.
  var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    switch self {
    case .dit(let dit) where dit.compatibility == .diffusers:
      return .object([
        "_class_name": .string("DiTTransformer2DModel"), "num_attention_heads": number(dit.heads),
        "attention_head_dim": number(dit.headSize), "num_layers": number(dit.depth), "in_channels": number(dit.inChannels),
        "out_channels": number(dit.outChannels), "patch_size": number(dit.patchSize),
        "sample_size": number(dit.sampleSize[0]), "num_embeds_ada_norm": number(dit.classes),
        "norm_eps": .number(1e-5), "norm_type": .string("ada_norm_zero"),
      ])
    case .dit(let dit):
      return .object([
        "_class_name": .string("DiT"), "hidden_size": number(dit.hiddenSize), "depth": number(dit.depth),
        "num_heads": number(dit.heads), "patch_size": number(dit.patchSize), "in_channels": number(dit.inChannels),
        "num_classes": number(dit.classes), "mlp_ratio": .number(dit.mlpRatio), "learn_sigma": .bool(dit.learnsVariance),
        "input_size": number(dit.sampleSize[0]), "class_dropout_prob": .number(dit.hasNullClass ? 0.1 : 0),
      ])
    case .pixArt(let pixArt):
      return .object([
        "_class_name": .string("PixArtTransformer2DModel"), "num_attention_heads": number(pixArt.heads),
        "attention_head_dim": number(pixArt.hiddenSize / pixArt.heads), "num_layers": number(pixArt.depth),
        "in_channels": number(pixArt.inChannels), "out_channels": number(pixArt.outChannels),
        "patch_size": number(pixArt.patchSize), "sample_size": number(pixArt.sampleSize),
        "caption_channels": number(pixArt.captionSize), "cross_attention_dim": number(pixArt.hiddenSize),
        "use_additional_conditions": .bool(pixArt.readsExtent), "interpolation_scale": .number(pixArt.interpolationScale),
        "norm_type": .string("ada_norm_single"), "norm_eps": .number(1e-6),
      ])
    case .uvit(let uvit):
      var fields: [String: JSONValue] = [
        "_class_name": .string("UViT"), "embed_dim": number(uvit.hiddenSize), "depth": number(uvit.depth),
        "num_heads": number(uvit.heads), "patch_size": number(uvit.patchSize), "in_chans": number(uvit.inChannels),
        "img_size": number(uvit.sampleSize), "mlp_ratio": .number(uvit.mlpRatio), "qkv_bias": .bool(uvit.hasQKVBias),
        "mlp_time_embed": .bool(uvit.hasTimeMLP), "conv": .bool(uvit.hasConvolution),
        "num_classes": number(uvit.classes ?? -1),
      ]
      if let text = uvit.text {
        fields["clip_dim"] = number(text.width)
        fields["num_clip_token"] = number(text.tokens)
      }
      return .object(fields)
    }
  }
}
