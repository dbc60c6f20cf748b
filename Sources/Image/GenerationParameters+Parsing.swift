// Reading, after the web UI's `parse_generation_parameters` (its rules are in the comments). Any text parses; time is
// linear in its length.
extension GenerationParameters {
  /// Reads the text of a "parameters" chunk.
  package init(text: String) {
    var lines = Array(text.utf8).split(separator: newline, omittingEmptySubsequences: false)
    self.init()

    // The last line is the fields if it holds three at least, or one of ours that says so.
    while let last = lines.last, trimmed(last).isEmpty { lines.removeLast() }
    if let last = lines.last {
      let found = Self.fields(in: last)
      if found.count >= 3 || found.contains(where: { $0.key == Self.exactPrompt }) {
        fields = found
        lines.removeLast()
      }
    }

    // What precedes "Negative prompt:" is the prompt. Lines lose their outer spaces.
    let mark = Array("Negative prompt:".utf8)
    var isNegative = false
    var positive: [ArraySlice<UInt8>] = []
    var negative: [ArraySlice<UInt8>] = []
    for line in lines {
      var line = trimmed(line)
      if line.starts(with: mark) {
        isNegative = true
        line = trimmed(line.dropFirst(mark.count))
      }
      if isNegative { negative.append(line) } else { positive.append(line) }
    }
    prompt = String(decoding: Array(positive.joined(separator: [newline])), as: UTF8.self)
    negativePrompt = String(decoding: Array(negative.joined(separator: [newline])), as: UTF8.self)

    // From the end: a field of the same name before ours is somebody else's.
    if let index = fields.lastIndex(where: { $0.key == Self.exactNegativePrompt }) {
      negativePrompt = fields.remove(at: index).value
    }
    if let index = fields.lastIndex(where: { $0.key == Self.exactPrompt }) { prompt = fields.remove(at: index).value }
  }

  /// `Key: value, Key: "quoted, value"`: everything that matches
  /// `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`, as the web UI finds it.
  private static func fields(in line: ArraySlice<UInt8>) -> [Field] {
    var result: [Field] = []
    var position = line.startIndex
    while position < line.endIndex {
      guard isWord(line[position]) else {
        position += 1
        continue
      }
      let end = line[position...].firstIndex { !isInKey($0) } ?? line.endIndex
      guard end < line.endIndex, line[end] == UInt8(ascii: ":"), end - position >= 2 else {
        position = end
        continue
      }
      let key = String(decoding: line[position..<end], as: UTF8.self)
      var start = end + 1
      while start < line.endIndex, isSpace(line[start]) { start += 1 }
      if let (value, next) = quotedValue(in: line[start...]) {
        result.append(Field(key, value))
        position = next
      } else {
        let comma = line[start...].firstIndex(of: UInt8(ascii: ",")) ?? line.endIndex
        result.append(Field(key, String(decoding: line[start..<comma], as: UTF8.self)))
        position = comma
      }
      if position < line.endIndex { position += 1 }  // the comma
    }
    return result
  }

  /// A JSON string at the beginning of `text`, if a comma or the end follows it, and where that is.
  private static func quotedValue(in text: ArraySlice<UInt8>) -> (value: String, next: Int)? {
    guard text.first == UInt8(ascii: "\"") else { return nil }
    var scalars = String.UnicodeScalarView()
    var plain: [UInt8] = []
    func flush() {
      scalars.append(contentsOf: String(decoding: plain, as: UTF8.self).unicodeScalars)
      plain.removeAll(keepingCapacity: true)
    }
    var i = text.startIndex + 1
    while i < text.endIndex, text[i] != UInt8(ascii: "\"") {
      guard text[i] == UInt8(ascii: "\\") else {
        plain.append(text[i])
        i += 1
        continue
      }
      guard i + 1 < text.endIndex else { return nil }
      switch text[i + 1] {
      case UInt8(ascii: "n"): plain.append(newline)
      case UInt8(ascii: "r"): plain.append(UInt8(ascii: "\r"))
      case UInt8(ascii: "t"): plain.append(UInt8(ascii: "\t"))
      case UInt8(ascii: "b"): plain.append(0x08)
      case UInt8(ascii: "f"): plain.append(0x0C)
      case UInt8(ascii: "u"):
        guard var code = hexadecimal(text[(i + 2)...].prefix(4)) else { return nil }
        i += 4
        if (0xD800..<0xDC00).contains(code), text[(i + 2)...].starts(with: Array("\\u".utf8)),
          let low = hexadecimal(text[(i + 4)...].prefix(4)), (0xDC00..<0xE000).contains(low)
        {
          code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
          i += 6
        }
        flush()
        scalars.append(Unicode.Scalar(code) ?? "\u{FFFD}")
      default: plain.append(text[i + 1])  // a quote, a backslash, a slash
      }
      i += 2
    }
    guard i < text.endIndex else { return nil }
    i += 1
    guard i == text.endIndex || text[i] == UInt8(ascii: ",") else { return nil }
    flush()
    return (String(scalars), i)
  }

  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32? {
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
    return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  private static func isInKey(_ byte: UInt8) -> Bool {
    isWord(byte) || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "/")
  }
}

private let newline = UInt8(ascii: "\n")

/// The spaces that Python strips, in ASCII.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

private func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  var line = line
  while let first = line.first, isSpace(first) { line = line.dropFirst() }
  while let last = line.last, isSpace(last) { line = line.dropLast() }
  return line
}
