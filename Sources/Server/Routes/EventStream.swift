import Hummingbird
import NIOCore
import NIOHTTP1

/// Server-sent events (WHATWG HTML, 9.2).
package struct EventWriter {
  private var writer: any ResponseBodyWriter

  /// An answer of events, for as long as `write` runs; it is cancelled when the client goes.
  /// - Parameter failure: what the event `error` says, which is the last one where `write` throws.
  package static func response(
    for request: Request, _ context: ServerContext,
    failure: @escaping @Sendable (RefusedRequest) -> any Encodable & Sendable = { $0.body },
    _ write: @escaping @Sendable (inout EventWriter) async throws -> Void
  ) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store", .connection: "close"],
      body: ResponseBody { writer in
        nonisolated(unsafe) var events = EventWriter(writer: writer)
        try await request.whileClientStays {
          do {
            try await write(&events)
          } catch let error where !(error is CancellationError || error is ChannelError || error is IOError) {
            try await events.send("error", failure(RefusedRequest(error) ?? .fault(error, context)))
          }
        }
        try await events.writer.finish(nil)
      })
  }

  /// - Parameter name: nil: only data.
  package mutating func send(_ name: String?, _ value: some Encodable) async throws {
    try await send(name, line: jsonLine(value))
  }

  /// - Parameter line: without line breaks.
  package mutating func send(_ name: String?, line: String) async throws {
    try await writer.write(ByteBuffer(string: (name.map { "event: \($0)\n" } ?? "") + "data: \(line)\n\n"))
  }
}
