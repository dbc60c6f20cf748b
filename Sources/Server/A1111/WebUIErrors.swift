import Hummingbird

/// Says what is wrong as the web UI does: FastAPI's list of wrong fields (422), or a line.
struct WebUIErrors: RouterMiddleware {
  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error where !(error is CancellationError) {
      guard let refused = RefusedRequest(error) else { throw error }
      return response(refused)
    }
  }

  /// Our names of fields that the web UI calls something else.
  private static let names = [
    "negative": "negative_prompt", "size": "width", "count": "batch_size", "guidance": "cfg_scale",
    "sampler": "sampler_name", "image": "init_images", "strength": "denoising_strength", "model": "override_settings",
  ]

  private struct Problem: Encodable {
    let loc: [String]
    let msg: String
    let type = "value_error"
  }

  private struct Line: Encodable {
    let error = "HTTPException", detail: String
    let body = "", errors = ""
  }

  private func response(_ refused: RefusedRequest) -> Response {
    var response: Response
    if [.badRequest, .unprocessableContent].contains(refused.status) {
      let field = refused.field.map { Self.names[$0] ?? $0 }
      let problem = Problem(loc: ["body"] + [field].compactMap(\.self), msg: refused.message)
      response = jsonResponse(["detail": [problem]], status: .unprocessableContent)
    } else {
      response = jsonResponse(Line(detail: refused.message), status: refused.status)
    }
    refused.setHeaders(of: &response)
    return response
  }
}
