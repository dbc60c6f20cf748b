import DiTCheckpoints

/// CSV as RFC 4180 has it: a header that names `prompt` and options, quoted fields that may hold commas, line ends and
/// doubled quotes. An empty field is left out; lines that begin with `#` are comments. The header's separator is that of
/// all: a comma, a semicolon or a tab.
enum CSVPrompts {
  static func read(
    _ bytes: ArraySlice<UInt8>, header: ([(field: String, option: String?)]) -> Void, line: (PromptLine) -> Void,
    problem: (PromptProblem) -> Void
  ) {
    var records = CSVRecords(bytes)
    var columns: [String?]?
    while let record = records.next() {
      do throws(LineError) {
        let fields = try record.fields()
        guard let names = columns else {
          let names = try options(fields)
          columns = names
          header(Array(zip(fields, names)))
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

  private static func options(_ fields: [String]) throws(LineError) -> [String?] {
    for (index, name) in fields.enumerated() where fields[..<index].contains(name) && !name.isEmpty {
      throw LineError("two columns \(printable(name))")
    }
    let options = FieldNames.options(fields)
    guard options.contains("prompt") || options.contains("class") else {
      throw LineError("the first line has to name the columns, prompt or class among them: prompt,seed")
    }
    return options
  }

  private static func parse(_ fields: [String], _ names: [String?], _ number: Int) throws(LineError) -> PromptLine {
    guard fields.count == names.count else {
      throw LineError("\(fields.count) fields; the header has \(names.count)")
    }
    var present: [(option: String, value: String?)] = []
    for case (let name?, let field) in zip(names, fields) where !field.isEmpty { present.append((name, field)) }
    return try FieldNames.line(number, present)
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
  private let separator: UInt8
  private var position: Int
  private var line = 1

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
    let header = bytes.split(separator: Self.newline).first { $0.contains { $0 > 0x20 } && $0.first != UInt8(ascii: "#") }
    let counts = [Self.comma, UInt8(ascii: ";"), Self.tab].map { mark in (mark, header?.count { $0 == mark } ?? 0) }
    // A table of one column has no separator: its prompts may hold commas.
    let most = counts.max { $0.1 < $1.1 } ?? (Self.tab, 0)
    separator = most.1 > 0 ? most.0 : Self.tab
  }

  private static let newline = UInt8(ascii: "\n"), quote = UInt8(ascii: "\""), comma = UInt8(ascii: ",")
  private static let tab = UInt8(ascii: "\t")

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
        repeat { record.bytes.append(try field(from: start)) } while try isFollowed()
      } catch {
        record.error = error
        (position, line) = (min(end + 1, bytes.endIndex), startLine + 1)
      }
      return record
    }
    return nil
  }

  private mutating func field(from start: Int) throws(LineError) -> [UInt8] {
    if position < bytes.endIndex, bytes[position] == Self.quote {
      let (before, beforeLine) = (position, line)
      do throws(LineError) {
        let field = try quotedField(from: start)
        if separator != Self.tab || position == bytes.endIndex || [separator, Self.newline, 0x0D].contains(bytes[position]) {
          return field
        }
      } catch {
        if separator != Self.tab { throw error }
      }
      // Tables with tabs are often written without any quoting: the quote is one of the prompt's.
      (position, line) = (before, beforeLine)
    }
    let end = bytes[position...].firstIndex { $0 == separator || $0 == Self.newline } ?? bytes.endIndex
    guard end - start <= PromptFile.longestLine else { throw tooLong() }
    guard separator == Self.tab || !bytes[position..<end].contains(Self.quote) else {
      throw LineError("a quote within a field; quote the whole field and double the quote")
    }
    defer { position = end }
    return Array(bytes[position..<end])
  }

  private mutating func quotedField(from start: Int) throws(LineError) -> [UInt8] {
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

  /// True after a separator, false after the end of the record.
  private mutating func isFollowed() throws(LineError) -> Bool {
    if position < bytes.endIndex, bytes[position] == 0x0D { position += 1 }
    guard position < bytes.endIndex else { return false }
    let byte = bytes[position]
    guard byte == separator || byte == Self.newline else { throw LineError("text after a closing quote") }
    position += 1
    if byte == Self.newline { line += 1 }
    return byte == separator
  }

  private func tooLong() -> LineError { LineError("a record of more than \(PromptFile.longestLine) bytes") }
}
