import DiTImage

extension ImageRequest {
  /// Of the form of `POST /v1/images/edits`.
  /// - Throws: ``RefusedRequest``, ``FieldError``, `ImageError`.
  package init(_ form: MultipartForm) throws {
    try self.init(FormFields(form: form), others: ["image", "image[]", "mask"])
    let images = form.files("image", "image[]")
    guard let image = images.first, !image.isEmpty else {
      throw RefusedRequest(
        .badRequest, "Missing required parameter: 'image'.", field: "image", code: "missing_required_parameter")
    }
    guard images.count == 1 else {
      throw RefusedRequest(.badRequest, "one picture is edited at a time; \(images.count) were sent", field: "image")
    }
    let masks = form.files("mask")
    guard masks.count < 2 else { throw RefusedRequest(.badRequest, "mask is there \(masks.count) times", field: "mask") }
    fields.image = .file(image)
    if let mask = masks.first {
      guard let translated = try EditMask.whereTransparent(mask, named: "mask") else {
        throw RefusedRequest(
          .badRequest, "the mask has no transparent part: make transparent what is to be drawn anew", field: "mask")
      }
      fields.mask = .file(translated)
    } else {
      fields.mask = try EditMask.whereTransparent(image, named: "image").map(SentPicture.file)
    }
  }
}

/// OpenAI's masks: what is transparent is drawn anew. Here that is what is white.
enum EditMask {
  /// A mask in PNG; nil: the picture is nowhere transparent.
  /// - Parameter named: the bytes in errors.
  /// - Throws: `ImageError`.
  static func whereTransparent(_ file: [UInt8], named name: String) throws -> [UInt8]? {
    let contents = try PictureContents(file, source: name)
    guard contents.isTransparent, let alpha = contents.alpha else { return nil }
    return try alpha.inverted.file()
  }
}

extension Mask {
  /// As a grey picture in PNG.
  func file() throws -> [UInt8] {
    let pixels = [UInt8](unsafeUninitializedCapacity: values.count * 3) { bytes, filled in
      for (index, value) in values.enumerated() { for channel in 0..<3 { bytes[index * 3 + channel] = value } }
      filled = values.count * 3
    }
    return try Picture(width: width, height: height, pixels: pixels).encoded()
  }
}
