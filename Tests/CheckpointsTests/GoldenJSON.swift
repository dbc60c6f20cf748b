import Foundation

/// The manifest as a tree that keeps object keys as they are spelled: Foundation's decoder keeps one of two canonically
/// equivalent keys, and knows no bare `Infinity`. For our own files only: traps on what is not JSON.
enum GoldenJSON: Sendable {
  case object([(key: String, value: GoldenJSON)])
  case array([GoldenJSON])
  case string(String)
  /// A number or a word, as spelled.
  case bare(String)

  static func read(_ url: URL) throws -> GoldenJSON {
    var reader = Reader(bytes: Array(try Data(contentsOf: url)))
    return try reader.value()
  }

  subscript(key: String) -> GoldenJSON? { members.first { $0.key == key }?.value }

  var members: [(key: String, value: GoldenJSON)] {
    if case .object(let members) = self { members } else { [] }
  }
  var elements: [GoldenJSON] {
    if case .array(let elements) = self { elements } else { [] }
  }
  var string: String? {
    switch self {
    case .string(let text), .bare(let text): text
    default: nil
    }
  }
  /// Also of `"nan"`, `"inf"`, `Infinity`.
  var double: Double? { string.flatMap { Double($0) } }
  var integer: Int? { string.flatMap { Int($0) } }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    mutating func value() throws -> GoldenJSON {
      switch peek() {
      case "{":
        return .object(
          try list("}") {
            let key = try $0.text()
            _ = $0.take()  // the colon
            return (key, try $0.value())
          })
      case "[": return .array(try list("]") { try $0.value() })
      case "\"": return .string(try text())
      default:
        let start = position
        while !" \n,]}".utf8.contains(bytes[position]) { position += 1 }
        return .bare(String(decoding: bytes[start..<position], as: UTF8.self))
      }
    }

    mutating func list<Element>(_ end: Character, _ element: (inout Reader) throws -> Element) throws -> [Element] {
      var result: [Element] = []
      _ = take()
      while peek() != end {
        result.append(try element(&self))
        if peek() == "," { _ = take() }
      }
      _ = take()
      return result
    }

    mutating func text() throws -> String {
      _ = peek()
      let start = position
      position += 1
      while bytes[position] != UInt8(ascii: "\"") { position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1 }
      position += 1
      return try JSONDecoder().decode(String.self, from: Data(bytes[start..<position]))
    }

    mutating func peek() -> Character {
      while " \n\t\r".utf8.contains(bytes[position]) { position += 1 }
      return Character(Unicode.Scalar(bytes[position]))
    }

    mutating func take() -> Character {
      defer { position += 1 }
      return peek()
    }
  }
}
