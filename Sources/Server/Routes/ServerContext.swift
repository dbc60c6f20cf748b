import DiTCheckpoints
import DiTErrors
import Foundation
import Hummingbird
import Logging
import NIOCore

/// What goes with one request.
package struct ServerContext: RequestContext {
  package var coreContext: CoreRequestContextStorage

  package init(source: ApplicationRequestContextSource) { coreContext = CoreRequestContextStorage(source: source) }
}

extension RefusedRequest {
  /// What an error of the program means to a client; nil: nothing that is its own fault or matter.
  package init?(_ error: any Error) {
    switch error {
    case let error as RefusedRequest: self = error
    case let error as FieldError: self.init(.badRequest, "\(error)", field: error.field)
    case DeskError.full(let seconds):
      self.init(.tooManyRequests, "\(DeskError.full(retryAfter: seconds))")
      (code, retryAfter) = ("rate_limit_exceeded", seconds)
    case DeskError.closed:
      self.init(.serviceUnavailable, "\(DeskError.closed)")
      retryAfter = 10
    case let error as DecodingError: self.init(.badRequest, "\(FieldError(error))")
    case let error as ModelShelfError where error.kind == .notFound:
      self.init(.notFound, "\(error)", field: "model", code: "model_not_found")
    case let error as any UserError:
      // In the library's words: a client knows no options of the command line.
      let (line, field) = (error.localizedDescription, Self.field(of: error))
      switch error.kind {
      case .usage: self.init(.badRequest, line, field: field)
      case .outOfMemory:
        self.init(.serviceUnavailable, line)
        retryAfter = 10
      case .damagedData, .notFound, .cannotWrite:
        guard let field else { return nil }  // a file of this machine
        self.init(.badRequest, line, field: field)
      }
    case let error as HTTPError:
      self.init(error.status, error.body ?? error.status.reasonPhrase, headers: error.headers)
    default: return nil
    }
  }

  /// Of an error that is none of the client's: the log says which.
  static func fault(_ error: any Error, _ context: ServerContext) -> RefusedRequest {
    let id = context.logger[metadataKey: "hb.request.id"].map { "\($0)" } ?? context.id
    context.logger.error("failed", metadata: ["error": "\(error)"])
    var refused = RefusedRequest(.internalServerError, "the server failed, and has noted why by the request's id, \(id)")
    refused.endsConnection = true
    return refused
  }

  package func response() -> Response {
    var response = jsonResponse(body, status: status)
    setHeaders(of: &response)
    return response
  }

  func setHeaders(of response: inout Response) {
    response.headers.append(contentsOf: headers)
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    if endsConnection { response.headers[.connection] = "close" }
  }

  /// What is said of it.
  var body: some Encodable & Sendable {
    ["error": RefusalBody(message: message, type: type, param: field, code: code)]
  }
}

private struct RefusalBody: Encodable, Sendable {
  let message, type: String
  let param, code: String?

  private enum CodingKeys: String, CodingKey { case message, type, param, code }

  /// What there is not is null, as in OpenAI's.
  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(message, forKey: .message)
    try fields.encode(type, forKey: .type)
    try fields.encode(param, forKey: .param)
    try fields.encode(code, forKey: .code)
  }
}

/// A value as JSON.
package func jsonResponse(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
  let bytes = (try? jsonEncoder.encode(value)) ?? Data("{}".utf8)
  return Response(
    status: status, headers: [.contentType: "application/json; charset=utf-8"],
    body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
}

private let jsonEncoder: JSONEncoder = {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
  return encoder
}()

/// A value as one line of JSON.
package func jsonLine(_ value: some Encodable) throws -> String { String(decoding: try jsonEncoder.encode(value), as: UTF8.self) }

extension Request {
  /// The body as JSON.
  /// - Throws: ``RefusedRequest``: 415 or 400.
  package mutating func json<Value: Decodable & Sendable>(_ type: Value.Type) async throws -> Value {
    let media = headers[.contentType]?.split(separator: ";").first?.trimmingCharacters(in: .whitespaces).lowercased()
    guard let media, media == "application/json" || media.hasSuffix("+json") else {
      throw RefusedRequest(.unsupportedMediaType, "expected a body of the type application/json")
    }
    let body = try await wholeBody()
    do {
      let decode = { @Sendable in
        let body = Data(body.readableBytesView)
        try body.withUnsafeBytes { bytes in  // Foundation's own reader lets everything through
          var json = StrictJSON(bytes, lenient: true)
          try json.skip()
        }
        return try JSONDecoder().decode(type, from: body)
      }
      // One with a picture in it takes a while.
      return try await body.readableBytes > 1 << 16 ? onThread(decode) : decode()
    } catch let error as DecodingError {
      throw RefusedRequest(.badRequest, "\(FieldError(error))")
    } catch let error as Malformed {
      throw RefusedRequest(.badRequest, "the body is no JSON that can be read: \(error.reason)")
    }
  }

  /// The body, which ``BodyMiddleware`` has read; kept in the request too, from which the client's going can still be seen.
  package mutating func wholeBody() async throws -> ByteBuffer { try await collectBody(upTo: .max) }

  /// Does something for a client, which is cancelled when the client goes. The connection ends with it: its answer has to say
  /// so, or a client sends its next request into it.
  package func whileClientStays<Value: Sendable>(_ work: @Sendable () async throws -> Value) async throws -> Value {
    do {
      return try await body.consumeWithCancellationOnInboundClose { _ in try await work() }
    } catch let error where !(error is CancellationError) {
      guard var refused = RefusedRequest(error) else { throw error }
      refused.endsConnection = true
      throw refused
    }
  }

  /// An answer that takes a while to find.
  package func answerWhileClientStays(_ work: @Sendable () async throws -> Response) async throws -> Response {
    var response = try await whileClientStays(work)
    response.headers[.connection] = "close"
    return response
  }
}
