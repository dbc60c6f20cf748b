import Hummingbird
import NIOCore
import NIOHTTP1

/// Answers errors in JSON. What a client did wrong is said to it; a fault of ours goes to the log, with the request's id.
struct ErrorsMiddleware: RouterMiddleware {
  let routes: RouteTable

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as HTTPParserError {
      throw error  // the body was cut off or is no HTTP: Hummingbird answers 400 and closes
    } catch is CancellationError {
      return RefusedRequest(.clientGone, "cancelled").response()
    } catch let error where error is ChannelError || error is IOError {
      return RefusedRequest(.clientGone, "the connection was closed").response()
    } catch let error as HTTPError where error.status == .notFound && context.endpointPath == "NotFound" {
      return refusal(of: request).response()
    } catch {
      return (RefusedRequest(error) ?? .fault(error, context)).response()
    }
  }

  /// No route has this path and method: which of them is wrong?
  private func refusal(of request: Request) -> RefusedRequest {
    let methods = routes.methods(of: request.uri.path)
    guard !methods.isEmpty else {
      return RefusedRequest(.notFound, "there is nothing at this address; /openapi.json lists what there is")
    }
    let allowed = methods.map(\.rawValue).joined(separator: ", ")
    return RefusedRequest(.methodNotAllowed, "this address takes \(allowed)", headers: [.allow: allowed])
  }
}

extension HTTPResponse.Status {
  /// nginx's: the client went before it was answered. It reads none of this; the log does.
  static var clientGone: Self { .init(code: 499, reasonPhrase: "Client Closed Request") }
}
