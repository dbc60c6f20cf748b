import DiTCheckpoints
import DiTTensors

/// Sizes of a T5 encoder, from Hugging Face's `config.json`.
package struct T5Configuration: TextEncoderConfiguration {
  package enum FeedForward: Sendable {
    /// v1.0: wo(relu(wi x)).
    case relu
    /// v1.1: wo(gelu_tanh(wi_0 x) ⊙ wi_1 x).
    case gatedGELU
  }

  package let vocabularySize: Int
  package let hiddenSize: Int
  package let layers: Int
  package let heads: Int
  package let headSize: Int
  package let feedForwardSize: Int
  package let feedForward: FeedForward
  package let buckets: Int
  package let maxDistance: Int
  package let eps: Float

  enum CodingKeys: String, CodingKey {
    case vocabularySize = "vocab_size", hiddenSize = "d_model", layers = "num_layers", heads = "num_heads"
    case headSize = "d_kv", feedForwardSize = "d_ff", feedForward = "feed_forward_proj"
    case buckets = "relative_attention_num_buckets", maxDistance = "relative_attention_max_distance"
    case eps = "layer_norm_epsilon", endToken = "eos_token_id", padding = "pad_token_id"
  }

  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    vocabularySize = try values.size(.vocabularySize, 1...4_000_000)
    hiddenSize = try values.size(.hiddenSize, 1...65_536)
    layers = try values.size(.layers, 1...1_000)
    heads = try values.size(.heads, 1...1_024)
    headSize = try values.size(.headSize, 1...4_096)
    feedForwardSize = try values.size(.feedForwardSize, 1...262_144)
    buckets = try values.size(.buckets, 4...4_096, default: 32)
    maxDistance = try values.size(.maxDistance, 2...1_000_000, default: 128)
    for key in [CodingKeys.endToken, .padding] where try values.decodeIfPresent(Double.self, forKey: key) != nil {
      _ = try values.size(key, 0...vocabularySize - 1)
    }
    // The logarithms begin at a quarter of the buckets.
    guard maxDistance > buckets / 4 else {
      throw values.wrong(.maxDistance, "relative_attention_max_distance is \(maxDistance), expected more than \(buckets / 4)")
    }
    eps = try values.decodeIfPresent(Float.self, forKey: .eps) ?? 1e-6
    guard eps >= 0, eps.isFinite else { throw values.wrong(.eps, "layer_norm_epsilon is \(eps), expected a number from 0") }
    let name = try values.decodeIfPresent(String.self, forKey: .feedForward) ?? "relu"
    switch name {
    case "relu": feedForward = .relu
    case "gated-gelu": feedForward = .gatedGELU
    default:
      throw DecodingError.dataCorruptedError(
        forKey: .feedForward, in: values,
        debugDescription: "feed_forward_proj is \"\(name)\", expected \"relu\" or \"gated-gelu\"")
    }
  }
}

extension T5Configuration {
  package static let title = "T5"

  /// mT5 is T5 v1.1 with a larger vocabulary; other relatives (UMT5, LongT5) compute something else. A file that tells
  /// no type is judged by a field of T5's own.
  package static func recognises(_ fields: JSONValue) -> Bool {
    fields["model_type"]?.string.map(["t5", "mt5"].contains) ?? (fields["d_kv"] != nil)
  }

  package static let marks = [["encoder.block.0.layer.0.SelfAttention.q.weight", "encoder.final_layer_norm.weight"]]
  package static var tokenizer: any TextTokenizer.Type { SentencePieceTokenizer.self }

  /// What the tensors do not tell is as in every published T5.
  package init(tensors: Checkpoint) throws {
    let shape = { (name: String) in try tensors.shape(of: name) }
    let block = "encoder.block.0."
    let bias = try shape(block + "layer.0.SelfAttention.relative_attention_bias.weight")
    (buckets, heads) = (bias[0], bias[1])
    (maxDistance, eps) = (128, 1e-6)
    let embedding = try shape(T5Encoder.embeddings.first(where: tensors.contains) ?? T5Encoder.embeddings[0])
    (vocabularySize, hiddenSize) = (embedding[0], embedding[1])
    headSize = try max(1, shape(block + "layer.0.SelfAttention.q.weight")[0] / heads)
    let gated = block + "layer.1.DenseReluDense.wi_0.weight"
    feedForward = tensors.contains(gated) ? .gatedGELU : .relu
    feedForwardSize = try shape(tensors.contains(gated) ? gated : block + "layer.1.DenseReluDense.wi.weight")[0]
    layers = (0..<1_000).prefix { tensors.contains("encoder.block.\($0).layer.0.SelfAttention.q.weight") }.count
    guard buckets >= 4, maxDistance > buckets / 4, heads <= 1_024 else {
      throw LoadError.malformed(file: tensors.location, reason: "a T5 of \(heads) heads and \(buckets) buckets of distances")
    }
  }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    return .object([
      "model_type": .string("t5"), "architectures": .array([.string("T5EncoderModel")]), "vocab_size": number(vocabularySize),
      "d_model": number(hiddenSize), "num_layers": number(layers), "num_heads": number(heads), "d_kv": number(headSize),
      "d_ff": number(feedForwardSize), "feed_forward_proj": .string(feedForward == .relu ? "relu" : "gated-gelu"),
      "relative_attention_num_buckets": number(buckets), "relative_attention_max_distance": number(maxDistance),
      "layer_norm_epsilon": .number(Double("\(eps)") ?? 1e-6),
    ])
  }

  package var width: Int { hiddenSize }
  package var longestText: Int? { nil }

  package func load(_ checkpoint: Checkpoint, backend: Backend) throws -> any TextEncoder {
    try T5Encoder(self, Parameters(checkpoint, backend: backend))
  }

  package func listing() throws -> NetworkListing { try NetworkListing { _ = try T5Encoder(self, $0) } }
}
