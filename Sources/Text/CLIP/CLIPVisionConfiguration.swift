import DiTCheckpoints
import DiTTensors
import Foundation

/// Sizes of CLIP's encoder of pictures, from Hugging Face's `config.json`: that of the encoder, or of both of CLIP's towers.
package struct CLIPVisionConfiguration: Decodable, Sendable {
  package let shape: CLIPShape
  package let layers: Int
  /// Side of the pictures that it reads, in pixels.
  package let imageSize: Int
  package let patchSize: Int
  /// Of the embedding, where the file has a projection.
  package let projectionSize: Int

  /// Patches along a side.
  var side: Int { imageSize / patchSize }

  enum CodingKeys: String, CodingKey {
    case hiddenSize = "hidden_size", layers = "num_hidden_layers", heads = "num_attention_heads"
    case feedForwardSize = "intermediate_size", activation = "hidden_act", eps = "layer_norm_eps", imageSize = "image_size"
    case patchSize = "patch_size", channels = "num_channels", projectionSize = "projection_dim", vision = "vision_config"
  }

  /// What a file leaves out is as in OpenAI's ViT-B/32, as in transformers.
  package init(from decoder: Decoder) throws {
    var values = try decoder.container(keyedBy: CodingKeys.self)
    let whole = values
    if values.contains(.vision) { values = try values.nestedContainer(keyedBy: CodingKeys.self, forKey: .vision) }
    layers = try values.size(.layers, 1...1_000, default: 12)
    imageSize = try values.size(.imageSize, 1...4_096, default: 224)
    patchSize = try values.size(.patchSize, 1...1_024, default: 32)
    _ = try values.size(.channels, 3...3, default: 3)
    projectionSize = try (values.contains(.projectionSize) ? values : whole).size(.projectionSize, 1...65_536, default: 512)
    shape = try CLIPShape(values, .hiddenSize, .heads, .feedForwardSize, .activation, .eps, width: 768)
    guard patchSize <= imageSize else {
      throw values.wrong(.patchSize, "patch_size is \(patchSize), expected at most image_size \(imageSize)")
    }
  }

  /// Hugging Face's names, and OpenAI's.
  private static let marks = [
    ["vision_model.embeddings.class_embedding", "vision_model.post_layernorm.weight"],
    ["visual.class_embedding", "visual.transformer.resblocks.0.attn.in_proj_weight"],
  ]

  private static let names = CLIPNames.huggingFace(
    "vision_model.",
    [
      "visual.conv1.weight": "embeddings.patch_embedding.weight", "visual.class_embedding": "embeddings.class_embedding",
      "visual.positional_embedding": "embeddings.position_embedding.weight", "visual.ln_pre.weight": "pre_layrnorm.weight",
      "visual.ln_pre.bias": "pre_layrnorm.bias", "visual.ln_post.weight": "post_layernorm.weight",
      "visual.ln_post.bias": "post_layernorm.bias",
    ], outside: ["visual_projection.weight"])

  /// Opens the weights of a file or folder, of this tower alone or of both.
  /// - Throws: `LoadError`.
  package static func open(_ url: URL) throws -> Checkpoint { try openNetwork(at: url, marks: marks) }

  /// Its parameters, and what encoding a picture takes.
  package func listing() throws -> NetworkListing { try NetworkListing { _ = try CLIPVisionEncoder(self, $0) } }

  /// Reads and packs the weights of a file or folder, of this tower alone or of both.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package func load(_ url: URL, backend: Backend) throws -> CLIPVisionEncoder {
    let checkpoint = try Self.open(url)
    let isOpenAI = checkpoint.contains("visual.class_embedding")
    return try CLIPVisionEncoder(
      self, Parameters(checkpoint, names: isOpenAI ? CLIPNames.openAI : Self.names, backend: backend))
  }
}
