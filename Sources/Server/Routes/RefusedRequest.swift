import HTTPTypes

/// An answer that says no: in JSON, as our own API and OpenAI's have it.
package struct RefusedRequest: Error, Sendable {
  package let status: HTTPResponse.Status
  package let message: String
  package var type = "invalid_request_error"
  /// The field that is wrong.
  package var field: String?
  /// OpenAI's word for it, where it has one.
  package var code: String?
  package var retryAfter: Int?
  /// Whether the connection ends with it.
  package var endsConnection = false
  package var headers: HTTPFields

  package init(
    _ status: HTTPResponse.Status, _ message: String, field: String? = nil, code: String? = nil, headers: HTTPFields = [:]
  ) {
    (self.status, self.message, self.field, self.code, self.headers) = (status, message, field, code, headers)
    switch status {
    case .unauthorized: type = "authentication_error"
    case .forbidden, .misdirectedRequest: type = "permission_error"
    case .tooManyRequests: type = "rate_limit_error"
    case _ where status.code >= 500: type = "server_error"
    default: break
    }
  }
}
