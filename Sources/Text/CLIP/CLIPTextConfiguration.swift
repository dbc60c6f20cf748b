import DiTCheckpoints
import DiTTensors

/// Sizes of a CLIP text encoder, from Hugging Face's `config.json`: that of the encoder, or of both of CLIP's towers.
package struct CLIPTextConfiguration: TextEncoderConfiguration {
  package let vocabularySize: Int
  package let shape: CLIPShape
  package let layers: Int
  /// The longest sequence.
  package let positions: Int
  /// Whose state is that of the whole text; 2 in all files of before 2023 means the largest id.
  package let endID: Int
  /// Of the pooled state, where the file has a projection.
  package let projectionSize: Int

  enum CodingKeys: String, CodingKey {
    case vocabularySize = "vocab_size", hiddenSize = "hidden_size", layers = "num_hidden_layers"
    case heads = "num_attention_heads", feedForwardSize = "intermediate_size", positions = "max_position_embeddings"
    case activation = "hidden_act", eps = "layer_norm_eps", endID = "eos_token_id", projectionSize = "projection_dim"
    case text = "text_config"
  }

  /// What a file leaves out is as in OpenAI's ViT-B/32, as in transformers.
  package init(from decoder: Decoder) throws {
    var values = try decoder.container(keyedBy: CodingKeys.self)
    let whole = values
    if values.contains(.text) { values = try values.nestedContainer(keyedBy: CodingKeys.self, forKey: .text) }
    vocabularySize = try values.size(.vocabularySize, 1...4_000_000, default: 49_408)
    layers = try values.size(.layers, 1...1_000, default: 12)
    positions = try values.size(.positions, 2...4_096, default: 77)
    endID = try values.size(.endID, 0...4_000_000, default: 49_407)
    projectionSize = try (values.contains(.projectionSize) ? values : whole).size(.projectionSize, 1...65_536, default: 512)
    shape = try CLIPShape(values, .hiddenSize, .heads, .feedForwardSize, .activation, .eps, width: 512)
  }
}

extension CLIPShape {
  /// - Parameter width: what the hidden size is where it is left out; heads of 64 numbers, and an MLP four times as wide.
  init<Key>(
    _ values: KeyedDecodingContainer<Key>, _ hiddenSize: Key, _ heads: Key, _ feedForwardSize: Key, _ activation: Key, _ eps: Key,
    width: Int
  ) throws {
    self.hiddenSize = try values.size(hiddenSize, 1...65_536, default: width)
    self.heads = try values.size(heads, 1...1_024, default: width / 64)
    self.feedForwardSize = try values.size(feedForwardSize, 1...262_144, default: 4 * width)
    guard self.hiddenSize % self.heads == 0 else {
      throw values.wrong(heads, "hidden_size \(self.hiddenSize) is not a multiple of \(self.heads) heads")
    }
    let name = try values.decodeIfPresent(String.self, forKey: activation) ?? "quick_gelu"
    guard let known = CLIPActivation(rawValue: name) else {
      throw values.wrong(activation, "hidden_act is \"\(name.prefix(40))\", expected \"quick_gelu\" or \"gelu\"")
    }
    self.activation = known
    self.eps = try values.decodeIfPresent(Float.self, forKey: eps) ?? 1e-5
    guard self.eps >= 0, self.eps.isFinite else {
      throw values.wrong(eps, "layer_norm_eps is \(self.eps), expected a number from 0")
    }
  }
}

extension CLIPTextConfiguration {
  package static let title = "CLIP"

  package static func recognises(_ fields: JSONValue) -> Bool {
    switch fields["model_type"]?.string {
    case "clip_text_model": true
    case "clip": fields["text_config"]?.object != nil
    case nil: fields["architectures"]?.array?.first?.string?.hasPrefix("CLIPText") == true
    default: false
    }
  }

  /// Hugging Face's names, the same as transformers 5 saves them, and OpenAI's.
  package static let marks = [
    ["text_model.embeddings.token_embedding.weight", "text_model.final_layer_norm.weight"],
    ["embeddings.token_embedding.weight", "encoder.layers.0.self_attn.q_proj.weight", "final_layer_norm.weight"],
    ["token_embedding.weight", "transformer.resblocks.0.attn.in_proj_weight", "ln_final.weight"],
  ]
  package static var tokenizer: any TextTokenizer.Type { BytePairTokenizer.self }

  /// What the tensors do not tell is as in the published models: heads of 64 numbers, and the exact GELU in OpenCLIP's, which
  /// have more layers than OpenAI's.
  package init(tensors: Checkpoint) throws {
    let names = Self.names(in: tensors)
    func shape(_ name: String, rank: Int = 2) throws -> [Int] { try tensors.shape(of: names.name(of: name), rank: rank) }
    let embedding = try shape("token_embedding.weight")
    vocabularySize = embedding[0]
    positions = try shape("positional_embedding")[0]
    layers = (0..<1_000).prefix { tensors.contains(names.name(of: "transformer.resblocks.\($0).ln_1.weight")) }.count
    endID = 2
    let heads = max(1, embedding[1] / 64)
    guard embedding[1] % heads == 0, positions >= 2, positions <= 4_096, layers > 0 else {
      throw LoadError.malformed(
        file: tensors.location, reason: "a CLIP of width \(embedding[1]), \(layers) layers and \(positions) positions")
    }
    projectionSize =
      try tensors.contains("text_projection.weight") ? shape("text_projection.weight")[0]
      : tensors.contains("text_projection") ? shape("text_projection")[1] : embedding[1]
    self.shape = CLIPShape(
      hiddenSize: embedding[1], heads: heads, feedForwardSize: try shape("transformer.resblocks.0.mlp.c_fc.weight")[0],
      activation: layers > 12 ? .exact : .quick)
  }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    return .object([
      "model_type": .string("clip_text_model"), "architectures": .array([.string("CLIPTextModelWithProjection")]),
      "vocab_size": number(vocabularySize), "hidden_size": number(shape.hiddenSize), "num_hidden_layers": number(layers),
      "num_attention_heads": number(shape.heads), "intermediate_size": number(shape.feedForwardSize),
      "max_position_embeddings": number(positions), "hidden_act": .string(shape.activation.rawValue),
      "layer_norm_eps": .number(Double("\(shape.eps)") ?? 1e-5), "eos_token_id": number(endID),
      "projection_dim": number(projectionSize),
    ])
  }

  package var width: Int { shape.hiddenSize }
  package var longestText: Int? { positions }

  static func names(in checkpoint: Checkpoint) -> ParameterNames {
    if checkpoint.contains("token_embedding.weight") { return CLIPNames.openAI }
    let prefix = checkpoint.records.contains { $0.name.hasPrefix("text_model.") } ? "text_model." : ""
    return CLIPNames.huggingFace(
      prefix,
      [
        "token_embedding.weight": "embeddings.token_embedding.weight",
        "positional_embedding": "embeddings.position_embedding.weight", "ln_final.weight": "final_layer_norm.weight",
        "ln_final.bias": "final_layer_norm.bias",
      ], outside: ["text_projection.weight"])
  }

  package func load(_ checkpoint: Checkpoint, backend: Backend) throws -> any TextEncoder {
    try CLIPTextEncoder(self, Parameters(checkpoint, names: Self.names(in: checkpoint), backend: backend))
  }

  package func listing() throws -> NetworkListing { try NetworkListing { _ = try CLIPTextEncoder(self, $0) } }
}
