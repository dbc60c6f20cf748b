/// The name of a tensor: bytes, as the file spells them.
///
/// Not a `String`, because Swift takes canonically equivalent strings for equal (`"é"` and `"e\u{301}"`), and a file
/// may hold a tensor under each.
package struct TensorName: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  package let bytes: [UInt8]

  package init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
  package init(_ string: String) { bytes = Array(string.utf8) }
  package init(stringLiteral: String) { self.init(stringLiteral) }

  /// All bytes at once: one by one they take a tenth of opening a file.
  package func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }

  /// The name as text; bytes that are not UTF-8 become U+FFFD.
  package var string: String { String(decoding: bytes, as: UTF8.self) }

  /// In quotes, on one line and of bounded length, whatever the file holds: for messages.
  package var description: String { printable(string) }

  package static func < (left: TensorName, right: TensorName) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }

  package func hasPrefix(_ prefix: TensorName) -> Bool { bytes.starts(with: prefix.bytes) }

  package static func + (left: TensorName, right: TensorName) -> TensorName {
    TensorName(bytes: left.bytes + right.bytes)
  }
}

/// Text from a file in quotes, fit for a one-line message: control characters escaped, at most 120 characters.
package func printable(_ text: String) -> String {
  var result = "\""
  for (index, scalar) in text.unicodeScalars.enumerated() {
    if index == 120 { return result + "…\"" }
    switch scalar.properties.generalCategory {
    // Line separators would break the line; format characters can turn the reading order of a terminal around.
    case .control, .format, .lineSeparator, .paragraphSeparator: result += scalar.escaped(asASCII: true)
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
