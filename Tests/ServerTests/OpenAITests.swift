import DiTErrors
import DiTImage
import DiTServer
import DiTTestSupport
import DiTTextToImage
import Foundation
import Testing

/// What OpenAI's requests mean in the words of our own.
@Suite struct OpenAITests {
  private static func request(_ json: String) throws -> ImageRequest {
    try JSONDecoder().decode(GenerationBody.self, from: Data(json.utf8)).request
  }

  @Test func everyField() throws {
    let asked = try Self.request(
      #"""
      {"model": "small", "prompt": "a fox", "n": 2, "size": "320x192", "response_format": "b64_json", "output_format": "webp",
       "output_compression": 40, "stream": true, "partial_images": 3, "quality": "hd", "style": "vivid", "background": "opaque",
       "moderation": "low", "user": "u", "seed": 4294967295, "steps": 9.0, "guidance": 2.5, "negative_prompt": "a cat",
       "class": 207, "sampler": "euler", "scale": 2, "fast": true, "lora": false, "safety_identifier": null}
      """#)
    var fields = PictureFields()
    (fields.model, fields.prompt, fields.count, fields.size) = ("small", "a fox", 2, "320x192")
    (fields.seed, fields.steps, fields.guidance, fields.negative) = (4_294_967_295, 9, 2.5, "a cat")
    (fields.classText, fields.sampler, fields.scale, fields.previews) = (.index(207), "euler", 2, 3)
    (fields.fast, fields.lora) = (true, false)
    #expect(asked.fields == fields)
    #expect(asked.format == .webp && asked.quality == 40 && asked.streams && !asked.givesURLs)
  }

  @Test func whatIsLeftOutIsTheModels() throws {
    let asked = try Self.request(#"{"prompt": "a fox", "size": "auto", "model": null, "partial_images": 2}"#)
    var fields = PictureFields()
    fields.prompt = "a fox"
    #expect(asked.fields == fields)
    #expect(asked.format == .png && !asked.streams)
    #expect(try Self.request(#"{"class": "fox"}"#).fields.classText == .name("fox"))
    for own in ["dall-e-3", "gpt-image-1", "chatgpt-image-latest"] {
      #expect(try Self.request(#"{"prompt": "a fox", "model": "\#(own)"}"#).fields.model == nil)
    }
  }

  @Test(arguments: [
    (#"{}"#, "prompt", "missing_required_parameter"), (#"{"prompt": ""}"#, "prompt", "missing_required_parameter"),
    (#"{"prompt": 3}"#, "prompt", nil), (#"{"prompt": ["a"]}"#, "prompt", nil),
    (#"{"prompt": "a", "x": 1}"#, "x", "unknown_parameter"),
    (#"{"prompt": "a", "n": 0}"#, "n", nil), (#"{"prompt": "a", "n": 1e99}"#, "n", nil), (#"{"prompt": "a", "n": true}"#, "n", nil),
    (#"{"prompt": "a", "seed": 1.5}"#, "seed", nil), (#"{"prompt": "a", "steps": "4"}"#, "steps", nil),
    (#"{"prompt": "a", "class": [1]}"#, "class", nil), (#"{"prompt": "a", "background": "transparent"}"#, "background", nil),
    (#"{"prompt": "a", "output_format": "svg"}"#, "output_format", nil),
    (#"{"prompt": "a", "quality": "best"}"#, "quality", nil),
    (#"{"prompt": "a", "output_compression": 9}"#, "output_compression", nil),
    (#"{"prompt": "a", "strength": 1}"#, "strength", nil),
    (#"{"prompt": "a", "stream": true, "response_format": "url"}"#, "response_format", nil),
    (#"{"prompt": "a", "stream": "yes"}"#, "stream", nil), (#"{"prompt": "a", "partial_images": 4}"#, "partial_images", nil),
  ])
  func eachFieldIsNamed(json: String, field: String, code: String?) throws {
    let error = #expect(throws: (any Error).self) { try Self.request(json) }
    let refused = try #require(error.flatMap { RefusedRequest($0) })
    #expect(refused.status == .badRequest && refused.field == field && refused.code == code, "\(refused)")
    #expect(!refused.message.contains("\n"))
  }

  @Test func errorsOfDrawingNameTheirField() throws {
    let folder = try MicroModel.folder()
    func field(_ change: (inout PictureFields) -> Void) -> String? {
      var fields = MicroServer.fields()
      change(&fields)
      do {
        _ = try fields.requests(for: folder, limits: OrderLimits())
        return "drawn"
      } catch {
        return RefusedRequest(error)?.field
      }
    }
    #expect(field { $0.size = "100x100" } == "size")
    #expect(field { $0.steps = 0 } == "steps")
    #expect(field { $0.guidance = 101 } == "guidance")
    #expect(field { $0.sampler = "nix" } == "sampler")
    #expect(field { $0.classText = .name("unicorn") } == "class")
    #expect(field { $0.scale = 9 } == "scale")
    #expect(field { $0.image = .text("aGFsbG8=") } == "image")
    #expect(field { $0.prompt = String(repeating: "🦊", count: 32_001) } == "prompt")
    #expect(field { $0.negative = String(repeating: "a", count: 32_001) } == "negative")
    #expect(field { $0.sampler = String(repeating: "dpm", count: 200) } == "sampler")
    #expect(field { $0.classText = .name(String(repeating: "a", count: 501)) } == "class")
    #expect(field { _ in } == "drawn")
  }

  @Test func filesOfTheMachineAreNobodysFault() {
    struct Gone: UserError {
      let kind: UserErrorKind
      let description = "cannot read /srv/models/small"
    }
    for kind in [UserErrorKind.damagedData, .notFound, .cannotWrite] { #expect(RefusedRequest(Gone(kind: kind)) == nil) }
    #expect(RefusedRequest(Gone(kind: .usage))?.status == .badRequest)
    #expect(RefusedRequest(ImageError.unreadable(source: "mask", reason: "it is cut off"))?.field == "mask")
  }

  // MARK: edits

  private static func edit(_ parts: [(String, [UInt8])]) throws -> ImageRequest {
    var body: [UInt8] = []
    for (name, bytes) in parts {
      body += Array("--b\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n".utf8) + bytes + Array("\r\n".utf8)
    }
    return try ImageRequest(MultipartForm(body + Array("--b--".utf8), boundary: "b"))
  }

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static func picture() throws -> [UInt8] {
    try Picture(width: 16, height: 16, pixels: [UInt8](repeating: 90, count: 768)).encoded()
  }

  /// A PNG of two grey pixels with opacity, the first transparent: 8 bits, colour type 4, made by Pillow.
  private static let halfTransparent = [UInt8](
    Data(
      base64Encoded:
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAQAAABeK7cBAAAADUlEQVR4nGMMYGD4DwACSQFR4qX3qgAAAABJRU5ErkJggg==") ?? Data())

  @Test func formsAreFieldsToo() throws {
    let image = try Self.picture()
    let asked = try Self.edit([
      ("prompt", Self.text("a fox")), ("image", image), ("n", Self.text("2")), ("seed", Self.text("7")),
      ("guidance", Self.text("2.5")), ("class", Self.text("207")), ("strength", Self.text("0.5")), ("stream", Self.text("true")),
      ("partial_images", Self.text("1")), ("size", Self.text("")),
    ])
    var fields = PictureFields()
    (fields.prompt, fields.count, fields.seed, fields.guidance) = ("a fox", 2, 7, 2.5)
    (fields.classText, fields.strength, fields.previews) = (.name("207"), 0.5, 1)
    fields.image = .file(image)
    #expect(asked.fields == fields && asked.streams)
  }

  @Test func whatIsTransparentIsDrawnAnew() throws {
    for parts in [
      [("image", try Self.picture()), ("mask", Self.halfTransparent)], [("image", Self.halfTransparent)],
    ] {
      let asked = try Self.edit([("prompt", Self.text("a fox"))] + parts)
      let mask = try #require(try asked.fields.mask?.bytes(field: "mask"))
      #expect(try Mask(PictureContents(mask)).values == [255, 0])
    }
    #expect(try Self.edit([("prompt", Self.text("a")), ("image[]", Self.picture())]).fields.mask == nil)
  }

  @Test func editsThatAreNone() throws {
    let (image, prompt) = (("image", try Self.picture()), ("prompt", Self.text("a fox")))
    for (parts, field) in [
      ([prompt], "image"), ([image], "prompt"), ([prompt, image, image], "image"), ([prompt, image, prompt], "prompt"),
      ([prompt, ("image", [])], "image"), ([prompt, ("image", Self.text("x"))], "image"),
      ([prompt, image, ("mask", image.1)], "mask"), ([prompt, image, ("mask", Self.text("x"))], "mask"),
      ([prompt, image, ("mask", Self.halfTransparent), ("mask", Self.halfTransparent)], "mask"),
      ([prompt, image, ("n", Self.text("two"))], "n"), ([prompt, image, ("guidance", Self.text("much"))], "guidance"),
      ([prompt, image, ("input_fidelity", Self.text("high"))], "input_fidelity"), ([prompt, image, ("x", [])], "x"),
    ] {
      let error = #expect(throws: (any Error).self, "\(field)") { try Self.edit(parts) }
      #expect(error.flatMap { RefusedRequest($0) }?.field == field)
    }
  }
}
