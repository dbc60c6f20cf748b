import DiTAutoencoder
import DiTCheckpoints
import DiTModels
import DiTText
import DiTTransformer
import Foundation

/// A UniDiffuser in diffusers' layout on disk: which parts it has and how they are configured, without their numbers.
package struct UniDiffuserFolder: Sendable {
  package let url: URL
  let transformer: UniDiffuserConfiguration
  let captions: CaptionConfiguration
  let image: CLIPVisionConfiguration
  let preparation: CLIPPreparation
  let autoencoder: AutoencoderSource

  /// Pixels along a side of the pictures it was trained on.
  package var side: Int { transformer.sampleSize * autoencoder.scaleFactor }

  /// - Throws: ``ModelError`` where it is no such folder, or a part is not there; `ConfigurationError` for what is wrong with one.
  package init(_ url: URL) throws {
    self.url = url
    let index = url.appendingPathComponent("model_index.json")
    let name = isThere(index) ? try readConfiguration(JSONValue.self, at: index)["_class_name"]?.string : nil
    guard let name, name.hasPrefix("UniDiffuser") else {
      throw ConfigurationError.wrong(
        file: url.path, reason: "no folder of a UniDiffuser in diffusers' layout, by which captions are made")
    }
    for part in ["unet", "vae", "image_encoder", "text_decoder", "text_tokenizer"]
    where !isThere(url.appendingPathComponent(part)) {
      throw ModelError.missingPart(path: url.path, part: part)
    }
    func configuration<Value: Decodable>(_ part: String, as type: Value.Type) throws -> Value {
      try readConfiguration(type, at: url.appendingPathComponent(part + "/config.json"))
    }
    transformer = try configuration("unet", as: UniDiffuserConfiguration.self)
    captions = try configuration("text_decoder", as: CaptionConfiguration.self)
    image = try configuration("image_encoder", as: CLIPVisionConfiguration.self)
    let files = ["clip_image_processor", "image_processor"].map {
      url.appendingPathComponent($0 + "/preprocessor_config.json")
    }
    preparation = try readConfiguration(CLIPPreparation.self, at: files.first(where: isThere) ?? files[0])
    autoencoder = try AutoencoderSource(url.appendingPathComponent("vae"))
    func fits(_ condition: Bool, _ part: String, _ reason: String) throws {
      guard condition else { throw ConfigurationError.wrong(file: url.appendingPathComponent(part).path, reason: reason) }
    }
    try fits(
      captions.textSize == transformer.textSize && captions.prefixLength == transformer.textTokens, "text_decoder",
      "it reads \(captions.prefixLength) tokens of \(captions.textSize) numbers, the transformer writes "
        + "\(transformer.textTokens) of \(transformer.textSize)")
    try fits(
      image.projectionSize == transformer.clipSize, "image_encoder",
      "it writes \(image.projectionSize) numbers, the transformer reads \(transformer.clipSize)")
    try fits(
      preparation.side == image.imageSize, "image_encoder",
      "it reads pictures of \(image.imageSize) pixels, which are prepared with \(preparation.side)")
    try fits(
      autoencoder.latentChannels == transformer.latentChannels, "vae",
      "its latents have \(autoencoder.latentChannels) channels, the transformer's \(transformer.latentChannels)")
  }

  func weights(_ part: String) throws -> Checkpoint { try openCheckpoint(at: url.appendingPathComponent(part)) }
}
