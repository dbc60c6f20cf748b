// Writing. Bytes and not characters throughout: "\r\n", or a comma and a combining accent, is one Character of Swift.
extension GenerationParameters {
  /// The two fields that are added where the plain form is ambiguous.
  static let exactPrompt = "Exact prompt", exactNegativePrompt = "Exact negative prompt"

  /// The text for people and for tools; `GenerationParameters(text:)` gives exactly these parameters back, provided
  /// that every key is one (see `Field.key`; other characters in keys become `-`).
  package var text: String {
    let plain = text(exact: false)
    return GenerationParameters(text: plain) == self ? plain : text(exact: true)
  }

  private func text(exact: Bool) -> String {
    var lines: [String] = []
    if !prompt.isEmpty { lines.append(prompt) }
    if !negativePrompt.isEmpty { lines.append("Negative prompt: " + negativePrompt) }
    var last = fields
    if exact {
      last += [Field(Self.exactPrompt, prompt), Field(Self.exactNegativePrompt, negativePrompt)]
    }
    if !last.isEmpty {
      lines.append(
        last.map { Self.allowed(key: $0.key) + ": " + Self.quotedIfNeeded($0.value) }.joined(separator: ", "))
    }
    return lines.joined(separator: "\n")
  }

  /// A key that the parser takes for one.
  private static func allowed(key: String) -> String {
    var bytes = key.utf8.map {
      isWord($0) || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "/") ? $0 : UInt8(ascii: "-")
    }
    if !(bytes.first.map(isWord) ?? false) { bytes.insert(UInt8(ascii: "_"), at: 0) }
    if bytes.count < 2 { bytes.append(UInt8(ascii: "_")) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Commas, colons, quotes, control characters and outer spaces call for a JSON string.
  private static func quotedIfNeeded(_ value: String) -> String {
    let special = value.utf8.contains {
      $0 < 0x20 || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "\"")
    }
    let space = UInt8(ascii: " ")
    guard special || value.utf8.first == space || value.utf8.last == space else { return value }
    return quoted(value)
  }

  /// A JSON string; everything but quotes, backslashes and control characters stays as it is.
  static func quoted(_ value: String) -> String {
    var result = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// Letters, digits and `_`, and everything beyond ASCII.
func isWord(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"),
    UInt8(ascii: "_"), 0x80...:
    true
  default: false
  }
}
