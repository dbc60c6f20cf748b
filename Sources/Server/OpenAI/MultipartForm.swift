import DiTErrors
import Foundation

/// The parts of a body of the type multipart/form-data (RFC 7578), which no package at hand reads.
///
/// Strict: what other readers could take for something else is refused. Time is linear in the body's length, and the parts'
/// bytes are the body's own memory.
package struct MultipartForm: Sendable {
  package struct Part: Sendable {
    package let name: String
    package let fileName: String?
    package let bytes: ArraySlice<UInt8>
  }

  package let parts: [Part]

  /// More than any request here has a use for.
  package static let mostParts = 64, mostHeaderBytes = 8192, mostTextBytes = 4 << 20

  /// - Parameters:
  ///   - boundary: see ``boundary(of:)``.
  ///   - most: parts there may be.
  /// - Throws: ``RefusedRequest``: 400, which says what is malformed.
  package init(_ body: [UInt8], boundary: String, most: Int = mostParts) throws {
    parts = try Reader(bytes: body, delimiter: Array("\r\n--\(boundary)".utf8), most: most).parts()
  }

  /// The boundary that a body's type names.
  /// - Throws: ``RefusedRequest``: 415 for another type, 400 where there is none that can be.
  package static func boundary(of contentType: String?) throws -> String {
    guard let value = HeaderValue(contentType ?? ""), value.value == "multipart/form-data" else {
      throw RefusedRequest(.unsupportedMediaType, "expected a body of the type multipart/form-data")
    }
    // RFC 2046, 5.1.1.
    let allowed = Set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ".utf8)
    guard let boundary = value.parameters["boundary"], (1...70).contains(boundary.utf8.count),
      boundary.utf8.allSatisfy(allowed.contains), boundary.utf8.last != UInt8(ascii: " ")
    else { throw malformed("the content type names no boundary that can be one") }
    return boundary
  }

  /// The text of the one part of that name; nil: there is none.
  /// - Throws: ``RefusedRequest`` for several, and for bytes that are no UTF-8.
  package func text(_ name: String) throws -> String? {
    let found = parts.filter { $0.name == name }
    guard let part = found.first else { return nil }
    guard found.count == 1 else { throw RefusedRequest(.badRequest, "\(name) is there \(found.count) times", field: name) }
    guard part.bytes.count <= Self.mostTextBytes, let text = String(validating: part.bytes, as: UTF8.self),
      !CombiningMarks.areTooMany(in: part.bytes)
    else { throw RefusedRequest(.badRequest, "\(name): expected a text in UTF-8", field: name) }
    return text
  }

  /// The bytes of the parts of any of these names.
  package func files(_ names: String...) -> [[UInt8]] {
    parts.filter { names.contains($0.name) }.map { Array($0.bytes) }
  }

  fileprivate static func malformed(_ what: String) -> RefusedRequest {
    RefusedRequest(.badRequest, "the multipart body is malformed: \(what)")
  }
}

/// Cuts a body at its boundaries.
private struct Reader {
  let bytes: [UInt8]
  /// A line break, two hyphens and the boundary.
  let delimiter: [UInt8]
  /// Parts.
  let most: Int

  func parts() throws -> [MultipartForm.Part] {
    // What stands before the first boundary counts for nothing; that has no line break before it at the very beginning.
    let start = bytes.starts(with: delimiter.dropFirst(2)) ? -2 : 0
    guard var boundary = next(after: start) else { throw MultipartForm.malformed("there is no boundary in it") }
    var parts: [MultipartForm.Part] = []
    while !boundary.isLast {
      guard let following = next(after: boundary.end) else {
        throw MultipartForm.malformed("it ends before its last boundary")
      }
      guard parts.count < most else {
        throw MultipartForm.malformed("it has more than \(most) parts")
      }
      parts.append(try part(boundary.end..<following.start))
      boundary = following
    }
    return parts
  }

  /// The next line that is a boundary: where it starts, its line break included, and where what follows it does.
  private func next(after start: Int) -> (start: Int, end: Int, isLast: Bool)? {
    var position = start
    while true {
      let found: Int
      if position < 0 {  // the very beginning
        found = position
      } else if let match = find(delimiter, in: position..<bytes.count) {
        found = match
      } else {
        return nil
      }
      var end = found + delimiter.count
      if bytes[end...].starts(with: "--".utf8) { return (found, end + 2, true) }
      while end < bytes.count, bytes[end] == UInt8(ascii: " ") || bytes[end] == UInt8(ascii: "\t") { end += 1 }
      if bytes[end...].starts(with: "\r\n".utf8) { return (found, end + 2, false) }
      position = max(found + 1, 0)  // a longer word than the boundary
    }
  }

  /// Headers, an empty line, bytes.
  private func part(_ range: Range<Int>) throws -> MultipartForm.Part {
    let blank = Array("\r\n\r\n".utf8)
    let window = range.lowerBound..<min(range.upperBound, range.lowerBound + MultipartForm.mostHeaderBytes)
    guard !range.isEmpty, let end = find(blank, in: window),
      let text = String(validating: bytes[range.lowerBound..<end], as: UTF8.self)
    else { throw MultipartForm.malformed("a part has no headers that can be read") }
    var headers: [String: String] = [:]
    for line in text.split(separator: "\r\n", omittingEmptySubsequences: false) {
      let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let name = halves[0].lowercased()
      guard halves.count == 2, !name.isEmpty, !name.contains(where: \.isWhitespace), headers[name] == nil,
        // A line break that is none here would be one to others.
        !line.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\t" || $0.value == 0x7F })
      else {
        throw MultipartForm.malformed("a part has a header that cannot be read")
      }
      headers[name] = halves[1].trimmingCharacters(in: .whitespaces)
    }
    guard let disposition = headers["content-disposition"].flatMap({ HeaderValue($0) }), disposition.value == "form-data",
      let name = disposition.parameters["name"], !name.isEmpty
    else { throw MultipartForm.malformed("a part has no name") }
    guard ["binary", "8bit", "7bit"].contains(headers["content-transfer-encoding"]?.lowercased() ?? "binary") else {
      throw MultipartForm.malformed("the part \"\(name.prefix(60))\" is encoded: send its bytes as they are")
    }
    return MultipartForm.Part(
      name: name, fileName: disposition.parameters["filename"], bytes: bytes[(end + blank.count)..<range.upperBound])
  }

  /// - Parameter needle: begins with a byte that comes but once in the delimiter, so that no byte is compared often.
  private func find(_ needle: [UInt8], in range: Range<Int>) -> Int? {
    bytes.withUnsafeBytes { all in
      guard let base = all.baseAddress else { return nil }
      var position = range.lowerBound
      while range.upperBound - position >= needle.count,
        let match = memchr(base + position, Int32(needle[0]), range.upperBound - position)
      {
        position = UnsafeRawPointer(match) - base
        guard range.upperBound - position >= needle.count else { return nil }
        if memcmp(base + position, needle, needle.count) == 0 { return position }
        position += 1
      }
      return nil
    }
  }
}

/// `form-data; name="image"; filename="a \"b\".png"`: a header's value in lower case, and its parameters (RFC 9110, 5.6.6).
struct HeaderValue: Equatable {
  let value: String
  /// By their names in lower case.
  let parameters: [String: String]

  /// Nil where it is none, or names a parameter twice.
  init?(_ text: String) {
    var rest = Substring(text)
    value = rest.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    rest = rest.drop { $0 != ";" }
    var parameters: [String: String] = [:]
    while !rest.isEmpty {
      rest = rest.dropFirst().drop(while: Self.isSpace)
      if rest.isEmpty || rest.first == ";" { continue }
      let name = rest.prefix { $0 != "=" && $0 != ";" }.lowercased()
      rest = rest.dropFirst(name.count)
      guard rest.first == "=", !name.isEmpty, !name.contains(where: Self.isSpace), parameters[name] == nil else { return nil }
      rest = rest.dropFirst()
      guard let value = rest.first == "\"" ? Self.quoted(&rest) : Self.token(&rest) else { return nil }
      parameters[name] = value
      rest = rest.drop(while: Self.isSpace)
      guard rest.isEmpty || rest.first == ";" else { return nil }
    }
    guard !value.isEmpty else { return nil }
    self.parameters = parameters
  }

  private static func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }

  private static func token(_ rest: inout Substring) -> String? {
    let token = rest.prefix { $0 != ";" && !isSpace($0) && $0 != "\"" }
    rest = rest.dropFirst(token.count)
    return token.isEmpty ? nil : String(token)
  }

  /// A backslash escapes quotes and itself alone: browsers once sent paths with it.
  private static func quoted(_ rest: inout Substring) -> String? {
    var result = ""
    rest = rest.dropFirst()
    while let character = rest.popFirst() {
      switch character {
      case "\"": return result
      case "\\" where rest.first == "\"" || rest.first == "\\": result.append(rest.removeFirst())
      default: result.append(character)
      }
    }
    return nil
  }
}
