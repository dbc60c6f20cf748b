import Foundation
import HTTPTypes

/// The fields of `/sdapi/v1/txt2img` and `/sdapi/v1/img2img` that mean something here, or would if they were asked for;
/// others are passed over, as the web UI does. It is sent back as it came, without pictures.
package struct WebUIRequest: Codable, Sendable {
  var prompt, negativePrompt: String?
  var seed, steps: Int?
  var guidance: Double?
  var width, height: Int?
  var sampler, samplerIndex, scheduler: String?
  var batchSize, batches: Int?
  var strength: Double?
  var images: [String]?
  var mask: String?
  var invertsMask, resizeMode: Int?
  var sendsImages, includesImages: Bool?
  /// Not the web UI's.
  var lora: Bool?
  var overrides: WebUIOptions?

  enum CodingKeys: String, CodingKey {
    case prompt, negativePrompt = "negative_prompt", seed, steps, guidance = "cfg_scale", width, height
    case sampler = "sampler_name", samplerIndex = "sampler_index", scheduler, batchSize = "batch_size", batches = "n_iter"
    case strength = "denoising_strength", images = "init_images", mask, invertsMask = "inpainting_mask_invert"
    case resizeMode = "resize_mode", sendsImages = "send_images", includesImages = "include_init_images"
    case overrides = "override_settings", lora
  }

  /// - Throws: ``RefusedRequest`` that names the field.
  package init(from decoder: any Decoder) throws {
    let fields = LaxFields(try decoder.container(keyedBy: CodingKeys.self))
    prompt = try fields[.prompt]
    negativePrompt = try fields[.negativePrompt]
    seed = try fields[.seed]
    steps = try fields[.steps]
    guidance = try fields[.guidance]
    width = try fields[.width]
    height = try fields[.height]
    sampler = try fields[.sampler]
    samplerIndex = try fields[.samplerIndex]
    scheduler = try fields[.scheduler]
    batchSize = try fields[.batchSize]
    batches = try fields[.batches]
    strength = try fields[.strength]
    images = try fields.decode(.images)
    mask = try fields[.mask]
    invertsMask = try fields[.invertsMask]
    resizeMode = try fields[.resizeMode]
    sendsImages = try fields[.sendsImages]
    includesImages = try fields[.includesImages]
    overrides = try fields.decode(.overrides)
    lora = try fields[.lora]
    try Self.refuseWhatIsNotDone(LaxFields(decoder.container(keyedBy: AnyCodingKey.self)), resizeMode)
  }

  /// What would be another picture, and why it is not drawn.
  private static let refused = [
    ("enable_hr", "there is no second pass here; ask for a larger width and height"),
    ("restore_faces", "there is no restoring of faces here"), ("tiling", "pictures that tile are not drawn here"),
    ("subseed_strength", "there are no variations of a seed here"), ("s_churn", "the samplers here take no extra noise"),
    ("seed_resize_from_w", "noise is not resized here"), ("seed_resize_from_h", "noise is not resized here"),
    ("script_name", "no such script is found here"), ("refiner_checkpoint", "there are no refiners here"),
    ("infotext", "send its settings as fields"),
  ]

  private static func refuseWhatIsNotDone(_ fields: LaxFields<AnyCodingKey>, _ resizeMode: Int?) throws {
    func refuse(_ field: String, _ line: String) -> RefusedRequest {
      RefusedRequest(.unprocessableContent, "\(field): \(line)", field: field)
    }
    for (field, line) in refused where fields.asks(AnyCodingKey(stringValue: field)) { throw refuse(field, line) }
    let scripts: [String: Anything]? = try fields.decode(AnyCodingKey(stringValue: "alwayson_scripts"))
    if let name = scripts?.keys.min() { throw refuse("alwayson_scripts", "always on script \(name.prefix(60)) not found") }
    if let resizeMode, ![0, 1].contains(resizeMode) {
      throw refuse("resize_mode", "expected 0 or 1; the picture is scaled to cover the size, and what hangs over is cut")
    }
  }

  /// What is sent back.
  var answered: Self {
    guard includesImages != true else { return self }
    var result = self
    (result.images, result.mask) = (nil, nil)
    return result
  }
}

/// Settings of the web UI: those that mean something here.
struct WebUIOptions: Codable, Sendable {
  var checkpoint: String?
  /// Steps between pictures on the way; -1: none are made.
  var previewEvery: Int?
  var skippedLayers: Int?
  var autoencoder: String?
  var seedDelta: Int?

  enum CodingKeys: String, CodingKey {
    case checkpoint = "sd_model_checkpoint", previewEvery = "show_progress_every_n_steps"
    case skippedLayers = "CLIP_stop_at_last_layers", autoencoder = "sd_vae", seedDelta = "eta_noise_seed_delta"
  }

  init(from decoder: any Decoder) throws {
    let fields = LaxFields(try decoder.container(keyedBy: CodingKeys.self))
    checkpoint = try fields[.checkpoint]
    previewEvery = try fields[.previewEvery]
    skippedLayers = try fields[.skippedLayers]
    autoencoder = try fields[.autoencoder]
    seedDelta = try fields[.seedDelta]
    func refuse(_ isAsked: Bool, _ key: CodingKeys, _ line: String) throws {
      if isAsked { throw RefusedRequest(.unprocessableContent, "\(key.rawValue): \(line)", field: key.rawValue) }
    }
    try refuse(skippedLayers ?? 1 > 1, .skippedLayers, "no layers of a text encoder are left out here")
    try refuse(
      !["", "Automatic", "None"].contains(autoencoder ?? ""), .autoencoder, "a model has one autoencoder here; leave it Automatic")
    try refuse(seedDelta ?? 0 != 0, .seedDelta, "seeds count from 0 here")
  }
}

/// Anything at all, which is not looked at.
private struct Anything: Decodable {
  init(from decoder: any Decoder) throws {}
}

/// Reads as the web UI does: a number or a truth may be a text, and null is as good as nothing.
private struct LaxFields<Key: CodingKey> {
  private let container: KeyedDecodingContainer<Key>

  init(_ container: KeyedDecodingContainer<Key>) { self.container = container }

  subscript<Value: FieldValue>(_ key: Key) -> Value? {
    get throws {
      do {
        return try container.decodeIfPresent(Value.self, forKey: key)
      } catch {  // a number that no Int holds is none of the decoder's own errors here
        if let value = lax(key) as Value? { return value }
        throw RefusedRequest(
          .unprocessableContent, "\(key.stringValue): expected \(FieldError.words(Value.self))", field: key.stringValue)
      }
    }
  }

  /// Whether a field is there and neither false, zero nor empty.
  func asks(_ key: Key) -> Bool {
    if let truth = try? container.decode(Bool.self, forKey: key) { return truth }
    if let number = try? container.decode(Double.self, forKey: key) { return number > 0 }
    guard let text = try? container.decode(String.self, forKey: key) else { return false }
    return !["", "none", "false", "0"].contains(text.lowercased())
  }

  private func lax<Value: FieldValue>(_ key: Key) -> Value? {
    if let text = try? container.decode(String.self, forKey: key) {
      return Value(text.trimmingCharacters(in: .whitespaces).lowercased())
    }
    if Value.self == Int.self, let number = try? container.wholeNumber(forKey: key) { return number as? Value }
    if Value.self == Int.self, let truth = try? container.decode(Bool.self, forKey: key) { return (truth ? 1 : 0) as? Value }
    if Value.self == Bool.self, let number = try? container.decode(Int.self, forKey: key) { return (number != 0) as? Value }
    return nil
  }

  /// What is no single value.
  func decode<Value: Decodable>(_ key: Key) throws -> Value? {
    do {
      return try container.decodeIfPresent(Value.self, forKey: key)
    } catch let error as DecodingError {
      throw RefusedRequest(.unprocessableContent, "\(FieldError(error))", field: key.stringValue)
    }
  }
}
