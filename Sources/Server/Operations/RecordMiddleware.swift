import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1
import Synchronization

/// Gives each request an id, and when its answer is written counts and logs it: what and how long, not what was asked for.
struct RecordMiddleware: RouterMiddleware {
  let logger: Logger
  let metrics: Metrics

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    var logger = self.logger
    let id = request.headers[.requestID].flatMap { isPlain($0) ? $0 : nil } ?? context.id
    logger[metadataKey: "hb.request.id"] = "\(id)"
    context.logger = logger
    let record = Record(request, logger: logger, metrics: metrics)
    var response: Response
    do {
      response = try await next(request, context)
    } catch {
      record.finish(context.endpointPath, error is HTTPParserError ? .badRequest : .clientGone, bytes: 0)
      throw error
    }
    response.headers[.requestID] = id
    if request.method == .head { response = response.createHeadResponse() }
    let (status, route, body) = (response.status, context.endpointPath, response.body)
    if let bytes = body.contentLength {
      record.finish(route, status, bytes: bytes)
    } else {
      response.body = ResponseBody { writer in
        let written = Atomic(0)
        do {
          try await body.write(CountingWriter(base: writer) { written.add($0, ordering: .relaxed) })
          record.finish(route, status, bytes: written.load(ordering: .relaxed))
        } catch {
          record.finish(route, .clientGone, bytes: written.load(ordering: .relaxed))
          throw error
        }
      }
    }
    return response
  }

  private func isPlain(_ id: String) -> Bool {
    (1...64).contains(id.utf8.count) && id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.:".contains($0)) }
  }
}

private struct Record: Sendable {
  let method, path: String
  let logger: Logger
  let metrics: Metrics
  let start = ContinuousClock.now

  init(_ request: Request, logger: Logger, metrics: Metrics) {
    method = request.method.rawValue
    path = request.uri.path
    self.logger = logger
    self.metrics = metrics
  }

  func finish(_ route: String?, _ status: HTTPResponse.Status, bytes: Int) {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let usual = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"].contains(method) ? method : "other"
    let route = route.flatMap { $0 == "NotFound" ? nil : $0 } ?? "none"  // a path of the client's would be one series each
    metrics.add(.requests, ["method": usual, "route": route, "status": "\(status.code)"])
    metrics.observe(.requestSeconds, ["route": route], seconds: seconds)
    if status == .tooManyRequests || status == .serviceUnavailable { metrics.add(.ordersRefused, ["status": "\(status.code)"]) }
    // Who watches a server asks it every few seconds.
    let isWatch = ["/health", "/metrics"].contains(path) && status.code < 400
    logger.log(
      level: status.code >= 500 ? .error : isWatch ? .debug : .info, "request",
      metadata: [
        "method": "\(method.prefix(32))", "path": "\(path.prefix(200))", "status": "\(status.code)",
        "ms": "\((seconds * 10_000).rounded() / 10)", "bytes": "\(bytes)",
      ])
  }
}

/// Counts what passes.
private struct CountingWriter: ResponseBodyWriter {
  var base: any ResponseBodyWriter
  let count: @Sendable (Int) -> Void

  mutating func write(_ buffer: ByteBuffer) async throws {
    count(buffer.readableBytes)
    try await base.write(buffer)
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws { try await base.finish(trailingHeaders) }
}
