import DiTErrors
import DiTModels
import DiTServer
import DiTTextToImage
import Foundation

/// The readers of what a client sends. Bodies come with the word that says what they are, and a line feed.

/// A form: the value of its `Content-Type`, a line feed, the body.
func form(_ bytes: [UInt8]) throws {
  let (type, body) = halves(bytes)
  try answered {
    let form = try MultipartForm(body, boundary: MultipartForm.boundary(of: type))
    precondition(form.parts.reduce(0) { $0 + $1.bytes.count } < body.count, "parts are cut from the body")
    try draws(ImageRequest(form).fields)
  }
}

/// A body of JSON: of our own API, OpenAI's and the web UI's.
func request(_ bytes: [UInt8]) throws {
  let decoder = JSONDecoder(), body = Data(bytes)
  try answered { try draws(decoder.decode(PictureFields.self, from: body)) }
  try answered { try draws(decoder.decode(GenerationBody.self, from: body).request.fields) }
  try answered { _ = try decoder.decode(WebUIRequest.self, from: body) }
}

/// `Host`, an origin, and a name on the command line.
func authority(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  guard let found = Authority(text) else { return }
  precondition(!found.host.isEmpty && found.host == found.host.lowercased() && (0...65_535).contains(found.port ?? 0))
  let host = found.host.contains(":") ? "[\(found.host)]" : found.host
  // A name of two dots at its end loses one each time.
  precondition(host.hasSuffix(".") || Authority(found.port.map { "\(host):\($0)" } ?? host) == found, "reads itself otherwise")
}

/// What the fields ask for, checked against the bundled model.
private func draws(_ fields: PictureFields) throws {
  _ = try fields.requests(for: bundled, limits: OrderLimits())
}

private let bundled: ModelFolder = {
  do { return try ModelFolder(weights) } catch { fatalError("\(error)") }
}()

/// A client is told what is wrong in one line.
private func answered(_ work: () throws -> Void) throws {
  let line: String
  do {
    return try work()
  } catch let refused as RefusedRequest {
    precondition((400..<500).contains(refused.status.code))
    line = refused.message
  } catch let error as DecodingError {
    line = "\(FieldError(error))"
  } catch let error as any UserError {
    line = error.localizedDescription
  }
  precondition(!line.isEmpty, "says nothing")
}

private func halves(_ bytes: [UInt8]) -> (String, [UInt8]) {
  let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
  return (String(decoding: bytes[..<end], as: UTF8.self), Array(bytes[end...].dropFirst()))
}
