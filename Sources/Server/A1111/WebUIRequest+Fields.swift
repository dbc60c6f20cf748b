import DiTImage
import DiTModels
import DiTTextToImage
import Hummingbird

extension WebUIRequest {
  /// In the words of our own API. Its defaults are the model's, not the web UI's 50 steps of Euler at 512x512.
  /// - Parameters:
  ///   - model: of requests that name none.
  ///   - previewEvery: steps between pictures on the way.
  /// - Throws: ``RefusedRequest``, ``FieldError``, `ImageError`.
  package func fields(_ shelf: ModelShelf, model: String?, previewEvery: Int, fromImage: Bool) throws -> PictureFields {
    let folder = try shelf.folder(overrides?.checkpoint.flatMap { try WebUIModels.name($0, shelf) } ?? model)
    var fields = PictureFields()
    fields.model = folder.name
    (fields.prompt, fields.negative) = (prompt, negativePrompt)
    (fields.seed, fields.steps, fields.guidance, fields.lora) = (seed, steps, guidance, lora)
    fields.sampler = try WebUISamplers.sampler(sampler ?? samplerIndex, scheduler: scheduler, of: folder)
    fields.count = try count
    if fromImage {
      guard let image = images?.first, let images else {
        throw RefusedRequest(.notFound, "Init image not found", field: CodingKeys.images.rawValue)
      }
      guard images.count == 1 else {
        throw RefusedRequest(
          .unprocessableContent, "init_images: one picture is started from at a time; there are \(images.count)",
          field: CodingKeys.images.rawValue)
      }
      fields.image = .text(image)
      fields.strength = strength ?? 0.75
      fields.mask = try mask.flatMap { $0.isEmpty ? nil : try translated($0) }
    }
    if width != nil || height != nil {
      let usual = folder.usualSize
      fields.size = "\(width ?? usual.width)x\(height ?? usual.height)"
    }
    fields.previews = previewEvery > 0 ? min(50, (try expectedSteps(fields, folder) - 1) / previewEvery) : nil
    return fields
  }

  private var count: Int {
    get throws {
      let (size, batches) = (batchSize ?? 1, batches ?? 1)
      let (count, isTooMany) = size.multipliedReportingOverflow(by: batches)
      guard size > 0, batches > 0, !isTooMany else {
        throw RefusedRequest(
          .unprocessableContent, "batch_size \(size), n_iter \(batches): expected 1 or more", field: CodingKeys.batchSize.rawValue)
      }
      return count
    }
  }

  private func expectedSteps(_ fields: PictureFields, _ folder: ModelFolder) throws -> Int {
    var request = folder.defaultRequest
    if let sampler = fields.sampler { folder.use(sampler, for: &request) }
    return max(1, min(fields.steps ?? request.steps, 1000))
  }

  /// The web UI's masks: where a picture is transparent its opacity counts, else its brightness; and they may be turned about.
  private func translated(_ mask: String) throws -> SentPicture {
    let contents = try PictureContents(FieldError.bytes(mask, field: CodingKeys.mask.rawValue), source: "mask")
    guard invertsMask ?? 0 != 0 || contents.isTransparent else { return .text(mask) }
    let found = contents.isTransparent ? contents.alpha ?? Mask(contents) : Mask(contents)
    return .file(try (invertsMask ?? 0 != 0 ? found.inverted : found).file())
  }
}
