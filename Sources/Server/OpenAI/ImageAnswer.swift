import Foundation

/// What is answered where nothing is streamed.
struct ImagesAnswer: Encodable {
  struct Image: Encodable {
    let data, url: String?
    /// Not OpenAI's: what draws this picture again.
    let seed: UInt64

    private enum CodingKeys: String, CodingKey { case data = "b64_json", url, seed }
  }
  let created = Int(Date().timeIntervalSince1970)
  let background = "opaque"
  let format, size: String
  let data: [Image]
  let usage: ImageUsage
  /// Not OpenAI's: what was made of words in the prompt.
  let notes: [String]?

  private enum CodingKeys: String, CodingKey { case created, background, format = "output_format", size, data, usage, notes }
}

/// A picture, or one on the way, where they are streamed.
struct ImageEvent: Encodable {
  /// "image_generation.completed".
  let type: String
  let data: String
  let created = Int(Date().timeIntervalSince1970)
  let background = "opaque"
  let quality = "auto"
  let format, size: String
  /// Counts the pictures on the way to one, from 0; nil: the picture is finished.
  var partialIndex: Int?
  var seed: UInt64?
  var usage: ImageUsage?
  var notes: [String]?

  private enum CodingKeys: String, CodingKey {
    case type, data = "b64_json", created = "created_at", background, quality, format = "output_format", size
    case partialIndex = "partial_image_index", seed, usage, notes
  }
}

/// What was read and drawn, in tokens: pieces of the prompt and patches of latents.
struct ImageUsage: Encodable, Equatable {
  struct Details: Encodable, Equatable {
    let text, image: Int

    private enum CodingKeys: String, CodingKey { case text = "text_tokens", image = "image_tokens" }
  }
  let input, output: Details

  private enum CodingKeys: String, CodingKey {
    case total = "total_tokens", input = "input_tokens", output = "output_tokens"
    case inputDetails = "input_tokens_details", outputDetails = "output_tokens_details"
  }

  /// - Parameters:
  ///   - text: tokens of the prompt.
  ///   - patches: of one picture.
  init(text: Int, patches: Int, pictures: Int, isEdit: Bool) {
    input = Details(text: text, image: isEdit ? patches : 0)
    output = Details(text: 0, image: patches * pictures)
  }

  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(input.text + input.image + output.image, forKey: .total)
    try fields.encode(input.text + input.image, forKey: .input)
    try fields.encode(output.image, forKey: .output)
    try fields.encode(input, forKey: .inputDetails)
    try fields.encode(output, forKey: .outputDetails)
  }
}
