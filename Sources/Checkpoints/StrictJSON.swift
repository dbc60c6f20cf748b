import DiTErrors

/// A JSON scanner as strict as a file format needs, driven by what the caller expects next.
///
/// Foundation's decoder cannot serve here: it keeps one of two equal keys without a word, and its `String` keys make
/// one of two canonically equivalent names. Here keys are bytes, duplicates are refused, numbers are unsigned integers
/// without fraction or exponent, strings are valid UTF-8 without raw control characters, and nesting is limited.
package struct StrictJSON {
  static let depthLimit = 32

  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var depth = 0
  private let isLenient: Bool

  /// - Parameter lenient: reads what other writers and editors leave: a mark of the byte order, comments, a comma before a
  ///   closing bracket, and what is no finite number where it is skipped.
  package init(_ bytes: UnsafeRawBufferPointer, lenient: Bool = false) {
    (self.bytes, isLenient) = (bytes, lenient)
    if lenient, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  // MARK: values

  /// `{"key": value, …}`; `member` must consume the value.
  package mutating func object(_ member: (inout StrictJSON, TensorName) throws -> Void) throws {
    try open("{", "an object")
    var seen = Set<TensorName>()
    if try !close("}") {
      repeat {
        let key = TensorName(bytes: try string())
        guard seen.insert(key).inserted else { throw Malformed("the JSON has the key \(key) twice") }
        try expect(":", "a colon")
        try member(&self, key)
      } while try comma(or: "}")
    }
    depth -= 1
  }

  /// `[value, …]`; `element` must consume the value.
  package mutating func array(_ element: (inout StrictJSON) throws -> Void) throws {
    try open("[", "an array")
    if try !close("]") {
      repeat { try element(&self) } while try comma(or: "]")
    }
    depth -= 1
  }

  /// The bytes of a string, escapes resolved: valid UTF-8.
  package mutating func string() throws -> [UInt8] {
    try expect("\"", "a string")
    var result: [UInt8] = []
    while true {
      guard let byte = next() else { throw problem("unfinished string") }
      switch byte {
      case UInt8(ascii: "\""):
        guard String(validating: result, as: UTF8.self) != nil else { throw problem("string that is not UTF-8") }
        guard !CombiningMarks.areTooMany(in: result) else { throw problem("string with \(CombiningMarks.tooMany)") }
        return result
      case UInt8(ascii: "\\"): try escape(into: &result)
      case 0..<0x20: throw problem("control character in a string")
      default: result.append(byte)
      }
    }
  }

  /// A whole number from 0 to `Int.max`.
  package mutating func unsigned() throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
      guard !overflow, !carry else { throw problem("number that is too large") }
      value = sum
      position += 1
    }
    let digits = position - start
    guard digits > 0 else { throw problem("no whole number >= 0") }
    guard digits == 1 || bytes[start] != UInt8(ascii: "0") else { throw problem("number with a leading zero") }
    if let byte = peek(), byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      throw problem("number that is not whole")
    }
    return value
  }

  /// Any value, spelled so that every decoder reads it alike: what a configuration may hold beyond JSON is taken out,
  /// comments among it, where they are read.
  ///
  /// Python writes `NaN` and `Infinity`, which become null, or texts where they are kept, and other writers a comma before a
  /// closing bracket. Of two equal keys the last one counts, as in Python.
  mutating func normalised(into result: inout [UInt8], keepingNonFinite: Bool = false) throws {
    skipSpace()
    switch peek() {
    case UInt8(ascii: "{"):
      var fields: [TensorName: [UInt8]] = [:]
      try open("{", "an object")
      while try !close("}") {
        let key = TensorName(bytes: try string())
        try expect(":", "a colon")
        var value: [UInt8] = []
        try normalised(into: &value, keepingNonFinite: keepingNonFinite)
        fields[key] = value
        if try !comma(or: "}") { break }
      }
      depth -= 1
      result.append(UInt8(ascii: "{"))
      for (index, field) in fields.enumerated() {
        if index > 0 { result.append(UInt8(ascii: ",")) }
        Self.quote(field.key.bytes, into: &result)
        result.append(UInt8(ascii: ":"))
        result += field.value
      }
      result.append(UInt8(ascii: "}"))
    case UInt8(ascii: "["):
      try open("[", "an array")
      result.append(UInt8(ascii: "["))
      var isFirst = true
      while try !close("]") {
        if !isFirst { result.append(UInt8(ascii: ",")) }
        isFirst = false
        try normalised(into: &result, keepingNonFinite: keepingNonFinite)
        if try !comma(or: "]") { break }
      }
      depth -= 1
      result.append(UInt8(ascii: "]"))
    case UInt8(ascii: "\""): Self.quote(try string(), into: &result)
    default:
      if let name = nonFinite() {
        result += Array((keepingNonFinite ? "\"\(name)\"" : "null").utf8)
      } else {
        // Foundation's decoder takes what no Double holds for a fault of the whole file.
        let word = try word()
        let number = Double(word)
        if number?.isInfinite == true { throw problem("number that is too large") }
        result += Array((number == 0 ? "0" : word).utf8)
      }
    }
  }

  private static func quote(_ bytes: [UInt8], into result: inout [UInt8]) {
    result.append(UInt8(ascii: "\""))
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
      case 0..<0x20: result += Array("\\u00".utf8) + [byte >> 4, byte & 15].map { Array("0123456789abcdef".utf8)[Int($0)] }
      default: result.append(byte)
      }
    }
    result.append(UInt8(ascii: "\""))
  }

  /// Any value, of no interest.
  package mutating func skip() throws {
    skipSpace()
    switch peek() {
    case UInt8(ascii: "{"): try object { json, _ in try json.skip() }
    case UInt8(ascii: "["): try array { json in try json.skip() }
    case UInt8(ascii: "\""): _ = try string()
    default: if !isLenient || nonFinite() == nil { _ = try word() }
    }
  }

  /// A scalar or an array of scalars: what an option of a prompt file's line can be. The members of an object are skipped.
  package mutating func scalar() throws -> Scalar {
    skipSpace()
    switch peek() {
    case UInt8(ascii: "{"):
      try skip()
      return .object
    case UInt8(ascii: "["):
      var elements: [Scalar] = []
      try array { json in elements.append(try json.scalar()) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(String(decoding: try string(), as: UTF8.self))
    default:
      switch try word() {
      case "null": return .null
      case "true": return .bool(true)
      case "false": return .bool(false)
      case let number: return .number(number)
      }
    }
  }

  package enum Scalar {
    case null
    case bool(Bool)
    /// As it is spelled: a seed of 64 bits is more than a Double holds.
    case number(String)
    case string(String)
    case array([Scalar])
    case object
  }

  /// What is no finite number, if it comes next.
  private mutating func nonFinite() -> String? {
    let name = ["NaN", "Infinity", "-Infinity"].first { bytes[position...].starts(with: $0.utf8) }
    position += name?.utf8.count ?? 0
    return name
  }

  /// A number, true, false or null.
  private mutating func word() throws -> String {
    let start = position
    while let byte = peek(), Self.isBare(byte), position - start < 64 { position += 1 }
    let word = String(decoding: bytes[start..<position], as: UTF8.self)
    let isNumber = word.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil
    guard isNumber || ["true", "false", "null"].contains(word) else { throw problem("no value") }
    return word
  }

  /// The byte that the next value begins with; nil at the end.
  package mutating func first() -> UInt8? {
    skipSpace()
    return peek()
  }

  /// Nothing but white space may follow; in a padded header only spaces.
  package mutating func end(newlines: Bool = false) throws {
    if newlines { skipSpace() }
    while let byte = peek() {
      guard byte == UInt8(ascii: " ") else { throw problem("bytes after the JSON object") }
      position += 1
    }
  }

  // MARK: pieces

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func next() -> UInt8? {
    guard let byte = peek() else { return nil }
    position += 1
    return byte
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
      UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private mutating func skipSpace() {
    repeat {
      while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    } while isLenient && skipComment()
  }

  /// Whether there was one; a comment without an end is none.
  private mutating func skipComment() -> Bool {
    let rest = bytes[min(position, bytes.count)...]
    if rest.starts(with: "//".utf8) {
      position = rest.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      return true
    }
    guard rest.starts(with: "/*".utf8) else { return false }
    var end = position + 3
    while end < bytes.count {
      if bytes[end] == UInt8(ascii: "/"), bytes[end - 1] == UInt8(ascii: "*") {
        position = end + 1
        return true
      }
      end += 1
    }
    return false
  }

  private mutating func expect(_ character: Unicode.Scalar, _ what: String) throws {
    skipSpace()
    guard peek() == UInt8(ascii: character) else { throw problem("\(what) was expected") }
    position += 1
  }

  private mutating func open(_ character: Unicode.Scalar, _ what: String) throws {
    try expect(character, what)
    depth += 1
    guard depth <= Self.depthLimit else { throw problem("nested deeper than \(Self.depthLimit)") }
  }

  private mutating func close(_ character: Unicode.Scalar) throws -> Bool {
    skipSpace()
    guard peek() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func comma(or end: Unicode.Scalar) throws -> Bool {
    if try close(end) { return false }
    try expect(",", "a comma or \(end)")
    return try !(isLenient && close(end))
  }

  private mutating func escape(into result: inout [UInt8]) throws {
    switch next() {
    case UInt8(ascii: "\""): result.append(0x22)
    case UInt8(ascii: "\\"): result.append(0x5C)
    case UInt8(ascii: "/"): result.append(0x2F)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0C)
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard next() == UInt8(ascii: "\\"), next() == UInt8(ascii: "u") else { throw problem("half a surrogate pair") }
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw problem("half a surrogate pair") }
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw problem("half a surrogate pair") }
      result.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
    default: throw problem("unknown escape in a string")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw problem("bad \\u escape in a string")
      }
      code = code << 4 | UInt32(digit)
    }
    return code
  }

  private func problem(_ what: String) -> Malformed {
    let line = bytes[..<min(position, bytes.count)].count { $0 == UInt8(ascii: "\n") } + 1
    return Malformed("bad JSON at \(line == 1 ? "byte \(position)" : "line \(line)"): \(what)")
  }
}
