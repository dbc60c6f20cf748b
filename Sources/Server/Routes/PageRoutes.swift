import DiTDiffusion
import DiTFiles
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation
import Hummingbird

/// The page, and what it asks.
package func addPageRoutes(to router: Router<ServerContext>, _ desk: DrawingDesk) {
  router.get("/") { _, _ in
    Response(
      status: .ok, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-cache"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.page_html)))
  }
  router.get("/api/models") { _, _ in
    jsonResponse(["models": desk.shelf.folders.enumerated().map { ModelReport($1, isDefault: $0 == 0) }])
  }
  router.get("/api/words") { request, _ in
    let folder = try desk.shelf.folder(request.uri.queryParameters["model"].map(String.init))
    var response = jsonResponse(WordsReport(words: Vocabulary(of: folder)?.all, classes: folder.classes))
    response.headers[.cacheControl] = "private, max-age=3600"
    return response
  }
  router.post("/api/notes") { request, context in
    var request = request
    let asked = try await request.json(NotesRequest.self)
    for (field, text) in [("prompt", asked.prompt), ("negative", asked.negative)] {
      try FieldError.checkLength(of: text, field, most: OrderLimits.promptCharacters)
    }
    let folder = try desk.shelf.folder(asked.model)
    let (review, taught) = try await (desk.shelf.review(of: folder), desk.shelf.adapters?.words)
    let notes = try await onThread {
      var notes = [asked.prompt, asked.negative ?? ""].flatMap(ForeignSyntax.notes)
      var request = folder.defaultRequest
      request.prompt = asked.prompt
      let shelf = LoRAShelf(nil, for: folder, taught: taught) { notes.append($0.note(folder)) }
      // One that is damaged, or named: who draws is told.
      try? shelf.takeAdapters(of: &request, refused: { _ in })
      return notes + review.notes(on: asked.prompt, taught: request.adapters.compactMap(\.word))
    }
    return jsonResponse(["notes": notes])
  }
  router.get("/api/queue") { _, _ in
    let (waiting, drawing) = await desk.queueLength
    return jsonResponse(["waiting": waiting, "drawing": drawing])
  }
  router.post("/api/pictures") { request, context in
    var request = request
    let order = try await desk.submit(request.json(PictureFields.self))
    return EventWriter.response(for: request, context, failure: { ["message": $0.message] }) { events in
      try await tell(order, desk, to: &events)
    }
  }
}

/// Everything that happens to an order.
private func tell(_ order: DeskOrder, _ desk: DrawingDesk, to events: inout EventWriter) async throws {
  try await events.send("order", OrderReport(order))
  for try await event in order.events {
    switch event {
    case .queued(let ahead): try await events.send("queued", ["ahead": ahead])
    case .step(let picture, let step, let steps, let seconds):
      try await events.send("step", StepReport(picture: picture, step: step, of: steps, secondsLeft: seconds))
    case .preview(let index, let step, let picture):
      let jpeg = try await onThread { try picture.encoded(as: .jpeg, quality: 80) }
      try await events.send(
        "preview", PreviewReport(picture: index, step: step, image: "data:image/jpeg;base64," + base64(jpeg)))
    case .picture(let picture): try await events.send("picture", try PictureReport(picture, desk.shelf.folder(order.model)))
    }
  }
  try await events.send("done", [String: String]())
}

// MARK: what is sent

private struct NotesRequest: Decodable {
  let prompt: String
  let model, negative: String?
}

private struct WordsReport: Encodable {
  let words: [String]?
  let classes: [String]
}

private struct ModelReport: Encodable {
  let name: String
  let isDefault: Bool
  let size, limits: [Int]
  let step, steps: Int
  let guidance: Float
  let sampler: String
  let samplers: [String]
  let text, attention: Bool
  let classes: Int
  let goodSizes: [Int]?

  private enum CodingKeys: String, CodingKey {
    case name, isDefault = "default", size, limits, step, steps, guidance, sampler, samplers, text, attention, classes
    case goodSizes = "good_sizes"
  }

  init(_ folder: ModelFolder, isDefault: Bool) {
    let request = folder.defaultRequest
    (name, self.isDefault) = (folder.name, isDefault)
    size = [request.size.width, request.size.height]
    limits = [folder.sizeLimits.lowerBound, folder.sizeLimits.upperBound]
    (step, steps, guidance, sampler) = (folder.sizeStep, request.steps, request.guidanceScale, request.sampler)
    samplers = SamplerRegistry.names
    (text, attention) = (folder.text != nil, folder.text != nil && folder.traits.recordsAttention)
    classes = folder.transformer.askableClasses
    goodSizes = folder.limits?.sizes.map { [$0.smallest, $0.largest] }
  }
}

private struct OrderReport: Encodable {
  let id: String
  let seeds: [UInt64]
  let model: String
  let size: [Int]
  let notes: [String]?

  init(_ order: DeskOrder) {
    (id, seeds, model, notes) = (order.id, order.requests.map(\.seed), order.model, order.spokenNotes)
    size = order.requests.first.map { [$0.finishedSize.width, $0.finishedSize.height] } ?? []
  }
}

private struct StepReport: Encodable {
  let picture, step, of: Int
  let secondsLeft: Double?

  private enum CodingKeys: String, CodingKey { case picture, step, of, secondsLeft = "seconds_left" }
}

private struct PreviewReport: Encodable {
  let picture, step: Int
  let image: String
}

private struct PictureReport: Encodable {
  let picture: Int
  let seed: UInt64
  let image: String
  let seconds: Double
  let file: String
  let settings: Settings
  let attention: Attention?

  struct Settings: Encodable {
    let model, prompt, negative: String
    let className: String?
    let size: String
    let steps: Int
    let guidance: Float
    let sampler: String
    let strength: Double?
    let scale: Int

    private enum CodingKeys: String, CodingKey {
      case model, prompt, negative, className = "class", size, steps, guidance, sampler, strength, scale
    }
  }

  struct Attention: Encodable {
    struct Word: Encodable {
      let word: String
      let share: Float
      let map: [Int]
    }
    let grid: [Int]
    let words: [Word]

    init(_ attention: WordAttention) {
      grid = [attention.words.first?.map.first?.count ?? 0, attention.words.first?.map.count ?? 0]
      words = attention.words.map { word in
        let largest = word.map.joined().max() ?? 0
        return Word(
          word: word.text, share: word.share,
          map: word.map.joined().map { largest > 0 ? Int(min(255, max(0, $0 / largest * 255)).rounded()) : 0 })
      }
    }
  }

  init(_ drawn: DeskPicture, _ folder: ModelFolder) {
    let request = drawn.request
    (picture, seed, seconds) = (drawn.index, drawn.seed, (drawn.seconds * 1000).rounded() / 1000)
    image = "data:image/png;base64," + base64(drawn.png)
    let className = request.classIndex.map(folder.className)
    file = slug([request.prompt, className ?? ""].joined(separator: " ")) + ".png"
    settings = Settings(
      model: folder.name, prompt: request.prompt, negative: request.negativePrompt, className: className,
      size: "\(request.size)", steps: folder.steps(of: request), guidance: request.guidanceScale, sampler: request.sampler,
      strength: request.source == nil ? nil : request.strength, scale: request.enlargement)
    attention = drawn.attention.map { Attention($0) }
  }
}
