import DiTServer
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

/// Asks a router without a connection.
struct TestClient: Sendable {
  let responder: RouterResponder<ServerContext>

  init(_ router: Router<ServerContext>) { responder = router.buildResponder() }

  struct Answer {
    let status: Int
    let headers: HTTPFields
    let body: String
  }

  func ask(
    _ method: HTTPRequest.Method, _ path: String, host: String? = "127.0.0.1:7860", _ headers: [(String, String)] = [],
    body: String = "", bytes: [UInt8]? = nil
  ) async throws -> Answer {
    var fields = HTTPFields()
    for (name, value) in headers { fields.append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
    let request = Request(
      head: HTTPRequest(method: method, scheme: "http", authority: host, path: path, headerFields: fields),
      body: RequestBody(buffer: ByteBuffer(bytes: bytes ?? Array(body.utf8))))
    let context = ServerContext(source: .init(channel: NIOAsyncTestingChannel(), logger: TestClient.logger))
    let response = try await responder.respond(to: request, context: context)
    let collected = Collected()
    try await response.body.write(CollectingWriter(collected: collected))
    return Answer(status: response.status.code, headers: response.headers, body: String(buffer: collected.bytes.withLock { $0 }))
  }

  private static let logger: Logger = {
    var logger = Logger(label: "test") { _ in LogLines(.logfmt, level: .critical) { _ in } }
    logger[metadataKey: "hb.request.id"] = "0123"
    return logger
  }()
}

private final class Collected: Sendable { let bytes = Mutex(ByteBuffer()) }

private struct CollectingWriter: ResponseBodyWriter {
  let collected: Collected
  mutating func write(_ buffer: ByteBuffer) { collected.bytes.withLock { _ = $0.writeImmutableBuffer(buffer) } }
  consuming func finish(_ trailingHeaders: HTTPFields?) {}
}
