import DiTImage
import DiTTextToImage

/// What OpenAI's two requests for pictures ask for.
package struct ImageRequest: Sendable {
  package var fields = PictureFields()
  package private(set) var format = PictureFormat.png
  package private(set) var quality = PictureFormat.defaultQuality
  /// Whether pictures are given as data: URLs.
  package private(set) var givesURLs = false
  package private(set) var streams = false

  /// What may be asked of other models, and what of it is taken because it asks for nothing that would be drawn otherwise.
  private static let hints: [(name: String, taken: [String], why: String?)] = [
    ("quality", ["auto", "standard", "low", "medium", "high", "hd", "xhigh", "max"], nil),
    ("complexity", ["low", "medium", "high"], nil),
    ("moderation", ["auto", "low"], nil),
    ("background", ["auto", "opaque"], "pictures are not transparent here"),
    ("style", ["vivid"], "name the style in the prompt"),
    ("input_fidelity", ["low"], "say how much may change with strength, above 0 and at most 1"),
  ]

  private static let known = Set(hints.map(\.name)).union([
    "prompt", "model", "n", "size", "response_format", "output_format", "output_compression", "stream", "partial_images",
    "user", "safety_identifier", "seed", "steps", "guidance", "negative_prompt", "class", "sampler", "strength", "scale",
    "fast", "lora",
  ])

  /// - Parameter others: names of what is read elsewhere.
  /// - Throws: ``RefusedRequest`` or ``FieldError``, which name the field.
  init(_ reader: some FieldReader, others: Set<String> = []) throws {
    try reader.checkNames(Self.known.union(others))
    for hint in Self.hints { _ = try reader.word(hint.name, hint.taken, why: hint.why) }
    for name in ["user", "safety_identifier"] { let _: String? = try reader.value(name) }

    fields.prompt = try reader.value("prompt")
    fields.classText = try reader.value("class")
    guard fields.prompt?.isEmpty == false || fields.classText != nil else {
      throw RefusedRequest(
        .badRequest, "Missing required parameter: 'prompt'.", field: "prompt", code: "missing_required_parameter")
    }
    fields.model = Self.ownModel(try reader.value("model"))
    fields.count = try reader.number("n", in: 1...10)
    fields.negative = try reader.value("negative_prompt")
    try FieldError.checkLength(of: fields.negative, "negative_prompt", most: OrderLimits.promptCharacters)
    fields.seed = try reader.value("seed")
    fields.steps = try reader.value("steps")
    fields.guidance = try reader.value("guidance")
    fields.sampler = try reader.value("sampler")
    fields.fast = try reader.value("fast")
    fields.strength = try reader.value("strength")
    fields.scale = try reader.value("scale")
    fields.lora = try reader.value("lora")
    let size: String? = try reader.value("size")
    fields.size = size == "auto" ? nil : size

    streams = try reader.value("stream") ?? false
    let partial = try reader.number("partial_images", in: 0...3)
    fields.previews = streams ? partial : nil
    givesURLs = try reader.word("response_format", ["b64_json", "url"]) == "url"
    if streams, givesURLs { throw FieldError.value("response_format", "url", "b64_json where pictures are streamed") }
    try readFormat(reader)
  }

  private mutating func readFormat(_ reader: some FieldReader) throws {
    let words: [(String, PictureFormat)] = [("png", .png), ("jpeg", .jpeg), ("webp", .webp)]
    let word = try reader.word("output_format", words.map(\.0))
    format = words.first { $0.0 == word }?.1 ?? .png
    guard let compression = try reader.number("output_compression", in: 0...100) else { return }
    guard format.hasQuality || compression == 100 else {
      throw FieldError.range("output_compression", "\(compression)", "100 where the format is png, which loses nothing")
    }
    quality = max(1, compression)
  }

  /// OpenAI's own models are none of ours: programs that can name no others get the one that draws where none is named.
  private static func ownModel(_ name: String?) -> String? {
    guard let name, !name.isEmpty else { return nil }
    return ["dall-e-", "gpt-image-", "chatgpt-image-"].contains(where: name.hasPrefix) ? nil : name
  }

  /// As a word of this API.
  var formatWord: String { format.rawValue.lowercased() }

  /// A picture's file, its settings inside: for PNG the bytes that the command line writes.
  func file(of drawn: DeskPicture) async throws -> [UInt8] {
    guard format.hasQuality else { return drawn.png }
    let (format, quality) = (format, quality)
    return try await onThread {
      try drawn.picture.encoded(as: format, quality: quality, texts: [drawn.parameters.pngText])
    }
  }

  func file(of preview: Picture) async throws -> [UInt8] {
    let (format, quality) = (format, quality)
    return try await onThread { try preview.encoded(as: format, quality: quality) }
  }
}

/// The body of `POST /v1/images/generations`.
package struct GenerationBody: Decodable, Sendable {
  package let request: ImageRequest

  package init(from decoder: any Decoder) throws {
    request = try ImageRequest(JSONFields(decoder))
    if request.fields.strength != nil {
      throw RefusedRequest(.badRequest, "strength is for /v1/images/edits, which has a picture", field: "strength")
    }
  }
}
