import DiTImage
import DiTTextToImage
import Foundation

/// A value of JSON that is put together here.
enum JSON: Encodable, Sendable, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral
{
  case value(any Encodable & Sendable)
  case list([JSON])
  case object([String: JSON])
  case null

  init(_ value: (some Encodable & Sendable)?) { self = value.map { .value($0) } ?? .null }
  init(dictionaryLiteral elements: (String, JSON)...) { self = .object(Dictionary(elements) { first, _ in first }) }
  init(arrayLiteral elements: JSON...) { self = .list(elements) }
  init(stringLiteral value: String) { self = .value(value) }
  init(booleanLiteral value: Bool) { self = .value(value) }
  init(integerLiteral value: Int) { self = .value(value) }
  init(nilLiteral: ()) { self = .null }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .value(let value): try value.encode(to: encoder)
    case .list(let values): try values.encode(to: encoder)
    case .object(let values): try values.encode(to: encoder)
    case .null:
      var value = encoder.singleValueContainer()
      try value.encodeNil()
    }
  }
}

/// The answer of `/sdapi/v1/txt2img` and `/sdapi/v1/img2img`.
struct WebUIAnswer: Encodable {
  /// In base64.
  let images: [String]
  let parameters: WebUIRequest
  /// JSON, in a text.
  let info: String

  /// What the web UI says of pictures that it drew.
  /// - Parameters:
  ///   - requests: of the pictures that are sent.
  ///   - texts: their settings; empty where one is not finished.
  static func info(
    _ requests: [GenerationRequest], _ texts: [String], model: String, modelHash: String?, steps: Int, batchSize: Int
  ) -> JSON {
    let first = requests.first
    return [
      "prompt": JSON(first?.prompt ?? ""), "all_prompts": JSON(requests.map(\.prompt)),
      "negative_prompt": JSON(first?.negativePrompt ?? ""), "all_negative_prompts": JSON(requests.map(\.negativePrompt)),
      "seed": JSON(first?.seed), "all_seeds": JSON(requests.map(\.seed)),
      "width": JSON(first?.finishedSize.width), "height": JSON(first?.finishedSize.height),
      "sampler_name": JSON(first.map { WebUISamplers.name(of: $0.sampler) }), "cfg_scale": JSON(first?.guidanceScale),
      "steps": JSON(steps), "batch_size": JSON(batchSize), "sd_model_name": JSON(model), "sd_model_hash": JSON(modelHash),
      "denoising_strength": JSON(first?.source == nil ? nil : first?.strength), "infotexts": JSON(texts),
      "job_timestamp": JSON(webUITimestamp(Date())), "version": JSON("dit-t2i \(programVersion)"),
      // What there is not here.
      "index_of_first_image": 0, "subseed": -1, "all_subseeds": JSON(requests.map { _ in -1 }), "subseed_strength": 0,
      "restore_faces": false, "styles": [], "clip_skip": 1, "extra_generation_params": [:],
    ]
  }
}

/// The answer of `/sdapi/v1/png-info`.
struct WebUIPictureInfo: Encodable {
  /// The text "parameters".
  let info: String
  /// All other texts.
  let items: [String: String]
  /// What the text says, field by field.
  let parameters: [String: String]

  /// - Throws: `ImageError`.
  init(_ file: [UInt8]) throws {
    let contents = try PictureContents(file, source: "image")
    info = contents[GenerationParameters.keyword] ?? ""
    let others = contents.texts.filter { $0.keyword != GenerationParameters.keyword }
    items = Dictionary(others.map { ($0.keyword, $0.text) }) { first, _ in first }
    guard !info.isEmpty else {
      parameters = [:]
      return
    }
    let parsed = GenerationParameters(text: info)
    var fields = Dictionary(parsed.fields.map { ($0.key, $0.value) }) { first, _ in first }
    (fields["Prompt"], fields["Negative prompt"]) = (parsed.prompt, parsed.negativePrompt)
    if let size = parsed.size { (fields["Size-1"], fields["Size-2"]) = ("\(size.width)", "\(size.height)") }
    parameters = fields
  }
}
