import DiTCheckpoints
import DiTTensors

/// Sizes of a Gemma 2 (Gemma Team 2024, arXiv 2408.00118) as a text encoder, from Hugging Face's `config.json`.
package struct Gemma2Configuration: TextEncoderConfiguration {
  package let vocabularySize, hiddenSize, layers, heads, keyHeads, headSize, feedForwardSize: Int
  /// How many tokens a token of a layer sees, itself included; nil: all before it.
  package let windows: [Int?]
  /// Queries are multiplied by its root's inverse.
  package let queryScalar: Float
  /// Scores s become cap · tanh(s / cap); 0: they do not.
  package let cap: Float
  package let theta: Double
  package let eps: Float
  package let activation: Activation

  enum CodingKeys: String, CodingKey {
    case vocabularySize = "vocab_size", hiddenSize = "hidden_size", layers = "num_hidden_layers", heads = "num_attention_heads"
    case keyHeads = "num_key_value_heads", headSize = "head_dim", feedForwardSize = "intermediate_size"
    case window = "sliding_window", layerTypes = "layer_types", queryScalar = "query_pre_attn_scalar"
    case cap = "attn_logit_softcapping", theta = "rope_theta", rope = "rope_parameters", scaling = "rope_scaling"
    case eps = "rms_norm_eps", activation = "hidden_activation", biased = "attention_bias"
    case bidirectional = "use_bidirectional_attention"
  }

  private enum RopeKeys: String, CodingKey { case theta = "rope_theta", type = "rope_type" }

  static let activations: [String: Activation] = [
    "gelu_pytorch_tanh": .geluTanh, "gelu_new": .geluTanh, "gelu": .geluErf, "silu": .silu,
  ]

  package init(from decoder: Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    vocabularySize = try values.size(.vocabularySize, 1...4_000_000)
    hiddenSize = try values.size(.hiddenSize, 1...65_536)
    layers = try values.size(.layers, 1...1_000)
    heads = try values.size(.heads, 1...1_024)
    keyHeads = try values.size(.keyHeads, 1...1_024)
    headSize = try values.size(.headSize, 2...4_096, default: 256)
    feedForwardSize = try values.size(.feedForwardSize, 1...262_144)
    guard heads % keyHeads == 0 else {
      throw values.wrong(.keyHeads, "num_key_value_heads is \(keyHeads), expected a divisor of num_attention_heads \(heads)")
    }
    guard headSize % 2 == 0 else { throw values.wrong(.headSize, "head_dim is \(headSize), expected an even number") }
    let window = try values.decodeIfPresent(Double.self, forKey: .window) == nil
      ? 4_096 : values.size(.window, 1...1_000_000_000, default: 4_096)
    let types = try values.decodeIfPresent([String].self, forKey: .layerTypes)
      ?? (0..<layers).map { $0 % 2 == 0 ? "sliding_attention" : "full_attention" }
    guard types.count == layers else {
      throw values.wrong(.layerTypes, "layer_types has \(types.count) entries for \(layers) layers")
    }
    windows = try types.map { type in
      switch type {
      case "sliding_attention": window
      case "full_attention": nil
      default: throw values.wrong(.layerTypes, "layer_types holds \"\(type.prefix(40))\"")
      }
    }
    func number(_ key: CodingKeys, _ otherwise: Double, above least: Double) throws -> Double {
      let value = try values.decodeIfPresent(Double.self, forKey: key) ?? otherwise
      guard value.isFinite, value > least, value < 1e12 else {
        throw values.wrong(key, "\(key.rawValue) is \(value), expected a number above \(Int(least))")
      }
      return value
    }
    queryScalar = Float(try number(.queryScalar, 256, above: 0))
    cap = try values.contains(.cap) && values.decodeNil(forKey: .cap) ? 0 : Float(number(.cap, 50, above: 0))
    eps = try values.decodeIfPresent(Float.self, forKey: .eps) ?? 1e-6
    guard eps >= 0, eps.isFinite else { throw values.wrong(.eps, "rms_norm_eps is \(eps), expected a number from 0") }
    let rope = try values.contains(.rope) && !values.decodeNil(forKey: .rope)
      ? values.nestedContainer(keyedBy: RopeKeys.self, forKey: .rope) : nil
    let kind = try rope?.decodeIfPresent(String.self, forKey: .type) ?? "default"
    let isScaled = try values.contains(.scaling) && !values.decodeNil(forKey: .scaling)
    guard kind == "default", !isScaled else { throw values.wrong(.rope, "its positions are scaled, which is not known here") }
    let stated = try rope?.decodeIfPresent(Double.self, forKey: .theta)
    theta = try stated ?? number(.theta, 10_000, above: 0)
    guard theta.isFinite, theta > 0 else { throw values.wrong(.rope, "rope_theta is \(theta), expected a number above 0") }
    let name = try values.decodeIfPresent(String.self, forKey: .activation) ?? "gelu_pytorch_tanh"
    guard let known = Self.activations[name] else {
      let names = Self.activations.keys.sorted().joined(separator: ", ")
      throw values.wrong(.activation, "hidden_activation is \"\(name.prefix(40))\", expected one of \(names)")
    }
    activation = known
    for key in [CodingKeys.biased, .bidirectional] where try values.decodeIfPresent(Bool.self, forKey: key) == true {
      throw values.wrong(key, "\(key.rawValue) is true, which no published Gemma 2 has")
    }
  }
}

extension Gemma2Configuration {
  package static let title = "Gemma 2"

  package static func recognises(_ fields: JSONValue) -> Bool { fields["model_type"]?.string == "gemma2" }

  package static let marks = [["layers.0.pre_feedforward_layernorm.weight", "layers.0.self_attn.q_proj.weight", "norm.weight"]]
  package static var tokenizer: any TextTokenizer.Type { GemmaTokenizer.self }
  package var instruction: String? { sanaInstruction }

  /// What the tensors do not tell is as in the published ones: of 2 and 9 billion numbers, and of 27.
  package init(tensors: Checkpoint) throws {
    let shape = { (name: String) in try tensors.shape(of: name) }
    let layer = "layers.0."
    guard !tensors.contains(layer + "self_attn.q_norm.weight") else {
      throw LoadError.malformed(file: tensors.location, reason: "a Gemma 3; this program reads text with Gemma 2")
    }
    let embedding = try shape("embed_tokens.weight")
    (vocabularySize, hiddenSize) = (embedding[0], embedding[1])
    headSize = hiddenSize == 4_608 ? 128 : 256
    queryScalar = hiddenSize == 4_608 ? 144 : 256
    let rows = try (shape(layer + "self_attn.q_proj.weight")[0], shape(layer + "self_attn.k_proj.weight")[0])
    (heads, keyHeads) = (rows.0 / headSize, rows.1 / headSize)
    feedForwardSize = try shape(layer + "mlp.gate_proj.weight")[0]
    layers = (0..<1_000).prefix { tensors.contains("layers.\($0).self_attn.q_proj.weight") }.count
    windows = (0..<layers).map { $0 % 2 == 0 ? 4_096 : nil }
    (cap, theta, eps, activation) = (50, 10_000, 1e-6, .geluTanh)
    guard rows.0 % headSize == 0, rows.1 % headSize == 0, keyHeads > 0, heads % keyHeads == 0, heads <= 1_024 else {
      throw LoadError.malformed(
        file: tensors.location,
        reason: "a Gemma 2 with \(rows.0) queries and \(rows.1) keys a token needs its config.json beside it")
    }
  }

  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    let exact = { (value: Float) in JSONValue.number(Double("\(value)") ?? Double(value)) }
    return .object([
      "model_type": .string("gemma2"), "architectures": .array([.string("Gemma2Model")]), "vocab_size": number(vocabularySize),
      "hidden_size": number(hiddenSize), "num_hidden_layers": number(layers), "num_attention_heads": number(heads),
      "num_key_value_heads": number(keyHeads), "head_dim": number(headSize), "intermediate_size": number(feedForwardSize),
      "sliding_window": number(windows.compactMap { $0 }.first ?? 4_096),
      "layer_types": .array(windows.map { .string($0 == nil ? "full_attention" : "sliding_attention") }),
      "query_pre_attn_scalar": exact(queryScalar), "attn_logit_softcapping": cap > 0 ? exact(cap) : .null,
      "rope_theta": .number(theta), "rms_norm_eps": exact(eps),
      "hidden_activation": .string(Self.activations.filter { $0.value == activation }.keys.max() ?? ""),
    ])
  }

  package var width: Int { hiddenSize }
  package var longestText: Int? { nil }

  package func load(_ checkpoint: Checkpoint, backend: Backend) throws -> any TextEncoder {
    try Gemma2Encoder(self, Parameters(checkpoint, backend: backend))
  }

  package func listing() throws -> NetworkListing { try NetworkListing { _ = try Gemma2Encoder(self, $0) } }
}
