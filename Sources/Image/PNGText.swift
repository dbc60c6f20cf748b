/// A named text in a PNG file.
public struct PNGText: Equatable, Sendable {
  /// 1 to 79 printable Latin-1 characters; "parameters", "Title", "Software"…
  public var keyword: String
  /// Any Unicode except NUL.
  public var text: String

  /// A text that is not checked before it is written.
  public init(_ keyword: String, _ text: String) {
    (self.keyword, self.text) = (keyword, text)
  }

  /// The bytes of a tEXt chunk, or nil where the text needs UTF-8 (iTXt).
  var latin1: [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard let byte = UInt8(exactly: scalar.value) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  /// What PNG allows of the keyword: printable Latin-1, single spaces within, at most 79 characters.
  var keywordBytes: [UInt8]? {
    let bytes = keyword.unicodeScalars.map { UInt8(exactly: $0.value) ?? 0 }
    let printable = bytes.allSatisfy { (32...126).contains($0) || $0 >= 161 }
    let spaced =
      bytes.first != 32 && bytes.last != 32 && zip(bytes, bytes.dropFirst()).allSatisfy { $0 != 32 || $1 != 32 }
    return (1...79).contains(bytes.count) && printable && spaced ? bytes : nil
  }
}
