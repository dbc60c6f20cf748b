import DiTModels
import DiTTextToImage
import Foundation
import Hummingbird

/// OpenAI's images API. Its errors are in the form that all of ours have.
package func addOpenAIRoutes(to router: Router<ServerContext>, _ desk: DrawingDesk) {
  let images = OpenAIImages(desk: desk)
  router.get("/v1/models") { _, _ in
    jsonResponse(ModelList(data: desk.shelf.folders.map(ModelEntry.init)))
  }
  router.get("/v1/models/:model") { _, context in
    let name = try context.parameters.require("model")
    return jsonResponse(ModelEntry(try desk.shelf.folder(name.removingPercentEncoding ?? name)))
  }
  router.post("/v1/images/generations") { request, context in
    var request = request
    let asked = try await request.json(GenerationBody.self).request
    return try await images.answer(asked, "image_generation", for: request, context)
  }
  router.post("/v1/images/edits") { request, context in
    var request = request
    let boundary = try MultipartForm.boundary(of: request.headers[.contentType])
    let body = try await request.wholeBody()
    let asked = try await onThread { try ImageRequest(MultipartForm(Array(body.readableBytesView), boundary: boundary)) }
    return try await images.answer(asked, "image_edit", for: request, context)
  }
}

private struct ModelList: Encodable {
  let object = "list"
  let data: [ModelEntry]
}

private struct ModelEntry: Encodable {
  let id: String
  let object = "model"
  /// When its weights were written, in seconds since 1970.
  let created: Int
  let owner = "dit-t2i"

  private enum CodingKeys: String, CodingKey { case id, object, created, owner = "owned_by" }

  init(_ folder: ModelFolder) {
    id = folder.name
    let written = try? folder.weights.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
    created = Int(written?.timeIntervalSince1970 ?? 0)
  }
}

/// Draws what is asked for and says it as OpenAI does.
private struct OpenAIImages: Sendable {
  let desk: DrawingDesk

  /// - Parameter kind: how the names of its events begin.
  func answer(_ asked: ImageRequest, _ kind: String, for request: Request, _ context: ServerContext) async throws -> Response {
    if let count = asked.fields.count, count > desk.limits.count {
      throw FieldError.range("n", "\(count)", "1 to \(desk.limits.count)")
    }
    let order = try await desk.submit(asked.fields)
    let usage = await usage(of: order, pictures: asked.streams ? 1 : order.requests.count)
    if asked.streams {
      return EventWriter.response(for: request, context) { events in try await tell(order, asked, kind, usage, to: &events) }
    }
    return try await request.answerWhileClientStays {
      var pictures: [(index: Int, image: ImagesAnswer.Image)] = []
      for try await case .picture(let drawn) in order.events {
        let file = base64(try await asked.file(of: drawn))
        let url = asked.givesURLs ? "data:image/\(asked.formatWord);base64,\(file)" : nil
        pictures.append((drawn.index, .init(data: asked.givesURLs ? nil : file, url: url, seed: drawn.seed)))
      }
      try Task.checkCancellation()
      return jsonResponse(
        ImagesAnswer(
          format: asked.formatWord, size: size(of: order), data: pictures.sorted { $0.index < $1.index }.map(\.image),
          usage: usage, notes: order.spokenNotes))
    }
  }

  private func tell(
    _ order: DeskOrder, _ asked: ImageRequest, _ kind: String, _ usage: ImageUsage, to events: inout EventWriter
  ) async throws {
    let size = size(of: order)
    var shown = [Int](repeating: 0, count: order.requests.count)
    for try await event in order.events {
      switch event {
      case .queued, .step: break
      case .preview(let index, _, let preview):
        let type = "\(kind).partial_image"
        try await events.send(
          type,
          ImageEvent(
            type: type, data: base64(await asked.file(of: preview)), format: asked.formatWord, size: size,
            partialIndex: shown[index]))
        shown[index] += 1
      case .picture(let drawn):
        let type = "\(kind).completed"
        try await events.send(
          type,
          ImageEvent(
            type: type, data: base64(await asked.file(of: drawn)), format: asked.formatWord, size: size, seed: drawn.seed,
            usage: usage, notes: order.spokenNotes))
      }
    }
  }

  private func size(of order: DeskOrder) -> String { order.requests.first.map { "\($0.finishedSize)" } ?? "" }

  private func usage(of order: DeskOrder, pictures: Int) async -> ImageUsage {
    guard let request = order.requests.first, let folder = try? desk.shelf.folder(order.model) else {
      return ImageUsage(text: 0, patches: 0, pictures: 0, isEdit: false)
    }
    return ImageUsage(
      text: (try? await desk.shelf.review(of: folder).tokenCount(of: request.prompt)) ?? 0,
      patches: folder.drawnGrid(of: request).count, pictures: pictures, isEdit: request.source != nil)
  }
}
