import DiTCheckpoints
import DiTTensors
import Foundation

/// Sizes of UniDiffuser's caption decoder, from diffusers' `config.json`, or the numbers of the original's Python
/// configuration under `caption_decoder`.
package struct CaptionConfiguration: Decodable, Sendable {
  /// Tokens that a caption is made from, and numbers of a CLIP state and of what the transformer works on.
  package let prefixLength, clipSize, textSize: Int
  package let hiddenSize, layers, heads, positions: Int
  package let vocabularySize: Int?
  package let eps: Float

  private enum CodingKeys: String, CodingKey {
    case prefixLength = "prefix_length", clipSize = "prefix_inner_dim", textSize = "prefix_hidden_dim", hiddenSize = "n_embd"
    case layers = "n_layer", heads = "n_head", positions = "n_positions", vocabularySize = "vocab_size"
    case eps = "layer_norm_epsilon", decoder = "caption_decoder", originalClip = "clip_text_dim", originalText = "hidden_dim"
  }

  package init(from decoder: Decoder) throws {
    let whole = try decoder.container(keyedBy: CodingKeys.self)
    let isOriginal = whole.contains(.decoder)
    let values = isOriginal ? try whole.nestedContainer(keyedBy: CodingKeys.self, forKey: .decoder) : whole
    prefixLength = try values.size(.prefixLength, 1...4_096, default: 77)
    clipSize = try values.size(isOriginal ? .originalClip : .clipSize, 1...65_536, default: 768)
    textSize = try values.size(isOriginal ? .originalText : .textSize, 1...65_536, default: 64)
    hiddenSize = try values.size(.hiddenSize, 1...65_536, default: 768)
    layers = try values.size(.layers, 1...1_000, default: 12)
    heads = try values.size(.heads, 1...1_024, default: 12)
    positions = try values.size(.positions, 2...65_536, default: 1_024)
    vocabularySize = values.contains(.vocabularySize) ? try values.size(.vocabularySize, 1...4_000_000) : nil
    eps = try values.decodeIfPresent(Float.self, forKey: .eps) ?? 1e-5
    guard hiddenSize % heads == 0, prefixLength < positions, eps >= 0, eps.isFinite else {
      throw values.wrong(.heads, "the sizes of the caption decoder do not fit each other")
    }
  }
}

extension CaptionConfiguration {
  /// Of a folder with its `config.json`, or of a file, whose tensors tell the sizes. How many heads there are they do not: it is
  /// what a configuration beside the file says, if that describes it, or as in the published model, 64 numbers each.
  /// - Parameter tokens: that a caption is made from, where nobody says.
  /// - Throws: `ConfigurationError` or `LoadError`.
  package static func of(_ url: URL, tokens: Int) throws -> CaptionConfiguration {
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    let file = (isFolder.boolValue ? url : url.deletingLastPathComponent()).appendingPathComponent("config.json")
    if isFolder.boolValue, isThere(file) { return try readConfiguration(CaptionConfiguration.self, at: file) }
    let found = try CaptionConfiguration(tensors: CaptionDecoder.open(url), tokens: tokens)
    guard isThere(file), let stated = try? readConfiguration(CaptionConfiguration.self, at: file), stated.isSimilar(to: found)
    else { return found }
    return stated
  }

  private func isSimilar(to other: CaptionConfiguration) -> Bool {
    (clipSize, textSize, hiddenSize, layers, positions)
      == (other.clipSize, other.textSize, other.hiddenSize, other.layers, other.positions)
  }

  private init(tensors: Checkpoint, tokens: Int) throws {
    let shape = { (name: String) in try tensors.shape(of: name) }
    let prefix = try shape("encode_prefix.weight"), words = try shape("gpt.transformer.wte.weight")
    (textSize, clipSize, hiddenSize, vocabularySize) = (prefix[0], prefix[1], words[1], words[0])
    positions = try shape("gpt.transformer.wpe.weight")[0]
    layers = (0..<1_000).prefix { tensors.contains("gpt.transformer.h.\($0).ln_1.weight") }.count
    heads = hiddenSize % 64 == 0 ? hiddenSize / 64 : 1
    (prefixLength, eps) = (tokens, 1e-5)
    guard layers > 0, prefixLength < positions else {
      throw LoadError.malformed(
        file: tensors.location, reason: "a caption decoder of \(layers) layers and \(positions) positions")
    }
  }

  /// A `config.json` that is read back as this.
  package var fields: JSONValue {
    let number = { (value: Int) in JSONValue.number(Double(value)) }
    var fields: [String: JSONValue] = [
      "_class_name": .string("UniDiffuserTextDecoder"), "activation_function": .string("gelu_new"),
      "prefix_length": number(prefixLength), "prefix_inner_dim": number(clipSize), "prefix_hidden_dim": number(textSize),
      "n_embd": number(hiddenSize), "n_layer": number(layers), "n_head": number(heads), "n_positions": number(positions),
      "layer_norm_epsilon": .number(Double("\(eps)") ?? 1e-5),
    ]
    fields["vocab_size"] = vocabularySize.map(number)
    return .object(fields)
  }

  /// Its parameters, and what the longest caption takes with five beams.
  package func listing() throws -> NetworkListing {
    try NetworkListing { _ = try CaptionDecoder(self, vocabularySize: vocabularySize ?? 50_258, $0) }
  }
}
