import DiTCheckpoints

/// CSV as RFC 4180 has it: a header that names `prompt` and options, quoted fields that may hold commas, line ends and
/// doubled quotes. An empty field is left out; lines that begin with `#` are comments.
enum CSVPrompts {
  static func read(
    _ bytes: ArraySlice<UInt8>, header: (PromptLine) -> Void, line: (PromptLine) -> Void,
    problem: (PromptProblem) -> Void
  ) {
    var records = CSVRecords(bytes)
    var columns: [String]?
    while let record = records.next() {
      do throws(LineError) {
        let fields = try record.fields()
        guard let names = columns else {
          try check(fields)
          columns = fields
          header(PromptLine(number: record.line, prompt: nil, options: fields.filter { $0 != "prompt" }))
          continue
        }
        line(try parse(fields, names, record.line))
      } catch {
        problem(PromptProblem(line: record.line, reason: error.reason))
        // Without its header a file means nothing.
        if columns == nil { return }
      }
    }
  }

  private static func check(_ names: [String]) throws(LineError) {
    for (index, name) in names.enumerated() {
      guard !names[..<index].contains(name) else { throw LineError("two columns \(printable(name))") }
      if name != "prompt" { _ = try optionName(name) }
    }
    guard names.contains("prompt") || names.contains("class") else {
      throw LineError("the header names no column \"prompt\" or \"class\"")
    }
  }

  private static func parse(_ fields: [String], _ names: [String], _ number: Int) throws(LineError) -> PromptLine {
    guard fields.count == names.count else {
      throw LineError("\(fields.count) fields; the header has \(names.count)")
    }
    var result = PromptLine(number: number, prompt: nil)
    for (name, field) in zip(names, fields) where !field.isEmpty {
      if name == "prompt" { result.prompt = field } else { result.options += try option(name, field) }
    }
    return result
  }
}

/// Splits CSV into records. A record that is not well formed costs its first line alone.
struct CSVRecords {
  struct Record {
    var line: Int
    var bytes: [[UInt8]] = []
    var error: LineError?

    func fields() throws(LineError) -> [String] {
      if let error { throw error }
      var result: [String] = []
      for field in bytes {
        guard let text = String(validating: field, as: UTF8.self) else { throw LineError("not valid UTF-8") }
        try checkCharacters(text)
        result.append(text.trimmingCharacters(in: .whitespacesAndNewlines))
      }
      return result
    }
  }

  private let bytes: ArraySlice<UInt8>
  private var position: Int
  private var line = 1
  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  private static let newline = UInt8(ascii: "\n"), quote = UInt8(ascii: "\""), comma = UInt8(ascii: ",")

  /// The next record that is neither blank nor a comment.
  mutating func next() -> Record? {
    while position < bytes.endIndex {
      let start = position, startLine = line
      let end = bytes[position...].firstIndex(of: Self.newline) ?? bytes.endIndex
      let blank = bytes[position..<end].allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
      if blank || bytes[position] == UInt8(ascii: "#") {
        position = min(end + 1, bytes.endIndex)
        line += 1
        continue
      }
      var record = Record(line: startLine)
      do throws(LineError) {
        repeat { record.bytes.append(try field(from: start)) } while try separator()
      } catch {
        record.error = error
        (position, line) = (min(end + 1, bytes.endIndex), startLine + 1)
      }
      return record
    }
    return nil
  }

  private mutating func field(from start: Int) throws(LineError) -> [UInt8] {
    guard position < bytes.endIndex, bytes[position] == Self.quote else {
      let rest = bytes[position...]
      let end = rest.firstIndex { $0 == Self.comma || $0 == Self.newline } ?? bytes.endIndex
      guard end - start <= PromptFile.longestLine else { throw tooLong() }
      guard !bytes[position..<end].contains(Self.quote) else {
        throw LineError("a quote within a field; quote the whole field and double the quote")
      }
      defer { position = end }
      return Array(bytes[position..<end])
    }
    var result: [UInt8] = []
    position += 1
    while position < bytes.endIndex {
      guard position - start <= PromptFile.longestLine else { throw tooLong() }
      let byte = bytes[position]
      position += 1
      if byte == Self.newline { line += 1 }
      if byte == Self.quote {
        guard position < bytes.endIndex, bytes[position] == Self.quote else { return result }
        position += 1
      }
      result.append(byte)
    }
    throw LineError("a quote is not closed")
  }

  /// True after a comma, false after the end of the record.
  private mutating func separator() throws(LineError) -> Bool {
    if position < bytes.endIndex, bytes[position] == 0x0D { position += 1 }
    guard position < bytes.endIndex else { return false }
    let byte = bytes[position]
    guard byte == Self.comma || byte == Self.newline else { throw LineError("text after a closing quote") }
    position += 1
    if byte == Self.newline { line += 1 }
    return byte == Self.comma
  }

  private func tooLong() -> LineError { LineError("a record of more than \(PromptFile.longestLine) bytes") }
}
