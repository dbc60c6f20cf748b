import DiTErrors
import Foundation
import Hummingbird
import Logging
import NIOCore

/// What goes with one request.
package struct ServerContext: RequestContext {
  package var coreContext: CoreRequestContextStorage
  package let bodyLimit: Int

  package init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    bodyLimit = 64 << 20
  }

  package var maxUploadSize: Int { bodyLimit }
}

/// An answer that says no: in JSON, as our own API and OpenAI's have it.
package struct RefusedRequest: Error, Sendable {
  package let status: HTTPResponse.Status
  package let message: String
  package var type = "invalid_request_error"
  /// The field that is wrong.
  package var field: String?
  package var retryAfter: Int?

  package init(_ status: HTTPResponse.Status, _ message: String, field: String? = nil) {
    (self.status, self.message, self.field) = (status, message, field)
  }

  /// What an error of the program means to a client; nil: nothing that is its own fault or matter.
  package init?(_ error: any Error) {
    switch error {
    case let error as RefusedRequest: self = error
    case let error as FieldError: self.init(.badRequest, "\(error)", field: error.field)
    case DeskError.full(let seconds):
      self.init(.tooManyRequests, "\(DeskError.full(retryAfter: seconds))")
      (type, retryAfter) = ("rate_limit_error", seconds)
    case DeskError.closed:
      self.init(.serviceUnavailable, "\(DeskError.closed)")
      (type, retryAfter) = ("server_error", 10)
    case let error as DecodingError: self.init(.badRequest, "\(FieldError(error))")
    case let error as ModelShelfError where error.kind == .notFound: self.init(.notFound, "\(error)", field: "model")
    case let error as any UserError:
      switch error.kind {
      // In the library's words: a client knows no options of the command line.
      case .usage, .damagedData, .notFound: self.init(.badRequest, error.localizedDescription)
      case .outOfMemory:
        self.init(.serviceUnavailable, error.localizedDescription)
        (type, retryAfter) = ("server_error", 10)
      case .cannotWrite:
        self.init(.internalServerError, error.localizedDescription)
        type = "server_error"
      }
    case let error as HTTPError:
      self.init(error.status, error.body ?? error.status.reasonPhrase)
    default: return nil
    }
  }

  package func response() -> Response {
    struct Body: Encodable {
      struct Fields: Encodable {
        let message, type: String
        let param: String?
        let code: String?

        private enum CodingKeys: String, CodingKey { case message, type, param, code }

        func encode(to encoder: any Encoder) throws {
          var fields = encoder.container(keyedBy: CodingKeys.self)
          try fields.encode(message, forKey: .message)
          try fields.encode(type, forKey: .type)
          try fields.encode(param, forKey: .param)
          try fields.encode(code, forKey: .code)
        }
      }
      let error: Fields
    }
    var response = jsonResponse(Body(error: .init(message: message, type: type, param: field, code: nil)), status: status)
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    return response
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
  /// - Throws: ``RefusedRequest``: 415, 413 or 400.
  package mutating func json<Value: Decodable>(_ type: Value.Type, _ context: ServerContext) async throws -> Value {
    let media = headers[.contentType]?.split(separator: ";").first?.trimmingCharacters(in: .whitespaces).lowercased()
    guard let media, media == "application/json" || media.hasSuffix("+json") else {
      throw RefusedRequest(.unsupportedMediaType, "expected a body of the type application/json")
    }
    let body = try await wholeBody(context)
    do {
      return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    } catch let error as DecodingError {
      throw RefusedRequest(.badRequest, "\(FieldError(error))")
    }
  }

  /// The body, kept in the request too, from which the client's going can still be seen.
  /// - Throws: ``RefusedRequest``: 413.
  package mutating func wholeBody(_ context: ServerContext) async throws -> ByteBuffer {
    do {
      return try await collectBody(upTo: context.bodyLimit)
    } catch is NIOTooManyBytesError {
      throw RefusedRequest(.contentTooLarge, "the body is larger than \(context.bodyLimit >> 20) MB")
    }
  }

  /// Does something for a client, which is cancelled when the client goes.
  package func whileClientStays<Value: Sendable>(_ work: @Sendable () async throws -> Value) async throws -> Value {
    try await body.consumeWithCancellationOnInboundClose { _ in try await work() }
  }
}
