import DiTFiles
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation
import Hummingbird

/// The API of AUTOMATIC1111's web UI, as far as clients use it.
package func addA1111Routes(to router: Router<ServerContext>, _ desk: DrawingDesk) {
  let webUI = WebUI(desk: desk)
  let group = router.group("/sdapi/v1").add(middleware: WebUIErrors())
  group.post("txt2img") { request, context in try await webUI.draw(request, context, "txt2img") }
  group.post("img2img") { request, context in try await webUI.draw(request, context, "img2img") }
  group.get("progress") { request, _ in
    try await webUI.progress(skipsImage: request.uri.queryParameters["skip_current_image"]?.lowercased() == "true")
  }
  // A request is one batch here: skipping it is all that can be skipped.
  for name in ["interrupt", "skip"] {
    group.post("\(name)") { _, _ in
      await webUI.state.interrupt()
      return jsonResponse([String: String]())
    }
  }
  group.get("options") { _, _ in await webUI.options() }
  group.post("options") { request, context in try await webUI.setOptions(request, context) }
  group.post("png-info") { request, context in
    var request = request
    let asked = try await request.json(PictureInfoRequest.self)
    return jsonResponse(try await onThread { try WebUIPictureInfo(FieldError.bytes(asked.image, field: "image")) })
  }
  group.get("samplers") { _, _ in jsonResponse(WebUISamplers.all) }
  group.get("schedulers") { _, _ in jsonResponse(WebUISamplers.schedules) }
  group.get("sd-models") { _, _ in jsonResponse(desk.shelf.names.map(WebUIModels.entry)) }
  group.get("loras") { _, _ in jsonResponse((desk.shelf.adapters?.folder?.names ?? []).map(WebUIModels.adapter)) }
  // The models are those of the start.
  group.post("refresh-checkpoints") { _, _ in jsonResponse(String?.none) }
  addWhatThereIsNot(to: group)
  group.get("memory") { _, _ in
    let (total, used) = (ProcessInfo.processInfo.physicalMemory, UInt64(residentMemory()))
    let ram = ["free": total - min(used, total), "used": used, "total": total]
    return jsonResponse(["ram": JSON(ram), "cuda": ["error": "unavailable"]] as JSON)
  }
}

/// What clients ask for at their start, and there is none of here.
private func addWhatThereIsNot(to group: RouterGroup<ServerContext>) {
  for name in [
    "sd-vae", "hypernetworks", "upscalers", "latent-upscale-modes", "face-restorers", "realesrgan-models",
    "prompt-styles", "script-info", "extensions",
  ] {
    group.get("\(name)") { _, _ in jsonResponse([String]()) }
  }
  group.get("embeddings") { _, _ in jsonResponse(["loaded": [String: String](), "skipped": [:]]) }
  group.get("scripts") { _, _ in jsonResponse(["txt2img": [String](), "img2img": []]) }
  group.get("cmd-flags") { _, _ in jsonResponse(["api": true, "nowebui": true]) }
}

private struct PictureInfoRequest: Decodable { let image: String }

/// Draws what is asked for and says it as the web UI does.
private struct WebUI: Sendable {
  let desk: DrawingDesk
  let state = WebUIState()

  init(desk: DrawingDesk) { self.desk = desk }

  func draw(_ request: Request, _ context: ServerContext, _ kind: String) async throws -> Response {
    var request = request
    let asked = try await request.json(WebUIRequest.self)
    let (model, usual) = await (state.checkpoint, state.previewEvery)
    let every = asked.overrides?.previewEvery ?? usual
    let fields = try await onThread {
      try asked.fields(desk.shelf, model: model, previewEvery: every, fromImage: kind == "img2img")
    }
    let order = try await desk.submit(fields)
    await state.begin(order.id, kind, pictures: order.requests.count)
    return try await request.answerWhileClientStays {
      let drawing = Task {
        var pictures: [DeskPicture] = []
        for try await event in order.events {
          await state.note(event, of: order.id)
          if case .picture(let picture) = event { pictures.append(picture) }
        }
        return pictures
      }
      await state.set(order.id) { drawing.cancel() }
      let result = await withTaskCancellationHandler { await drawing.result } onCancel: { drawing.cancel() }
      let job = await state.end(order.id)
      let pictures = try result.get()
      try Task.checkCancellation()
      return try await answer(asked, order, pictures, unfinished: job?.previews ?? [:])
    }
  }

  /// - Parameter unfinished: how far an interrupted request was with pictures that are not finished.
  private func answer(
    _ asked: WebUIRequest, _ order: DeskOrder, _ pictures: [DeskPicture], unfinished: [Int: Picture]
  ) async throws -> Response {
    let folder = try desk.shelf.folder(order.model)
    var sent: [(index: Int, png: [UInt8], text: String)] = pictures.map { ($0.index, $0.png, $0.parameters.text) }
    let finished = Set(pictures.map(\.index))
    for (index, picture) in unfinished where !finished.contains(index) {
      sent.append((index, try await onThread { try picture.encoded() }, ""))
    }
    sent.sort { $0.index < $1.index }
    let info = WebUIAnswer.info(
      sent.map { order.requests[$0.index] }, sent.map(\.text), model: folder.name,
      modelHash: pictures.first?.parameters[PictureMetadata.modelHash],
      steps: order.requests.first.map(folder.steps) ?? 0, batchSize: asked.batchSize ?? 1)
    return jsonResponse(
      WebUIAnswer(
        images: asked.sendsImages == false ? [] : sent.map { base64($0.png) }, parameters: asked.answered,
        info: try jsonLine(info)))
  }

  func progress(skipsImage: Bool) async throws -> Response {
    let job = await state.current
    let preview = skipsImage ? nil : job?.previews.min { $0.key < $1.key }?.value
    let image = try await onThread { try preview.map { base64(try $0.encoded()) } }
    return jsonResponse(WebUIState.progress(of: job, image: image))
  }

  func options() async -> Response {
    let (chosen, every) = await (state.checkpoint, state.previewEvery)
    return jsonResponse(
      [
        "sd_model_checkpoint": JSON(chosen ?? desk.shelf.names.first), "show_progress_every_n_steps": JSON(every),
        "samples_format": "png", "sd_vae": "Automatic", "CLIP_stop_at_last_layers": 1,
      ] as JSON)
  }

  func setOptions(_ request: Request, _ context: ServerContext) async throws -> Response {
    var request = request
    let options = try await request.json(WebUIOptions.self)
    await state.set(options, checkpoint: try options.checkpoint.flatMap { try WebUIModels.name($0, desk.shelf) })
    return jsonResponse(String?.none)
  }
}
