import DiTCheckpoints

/// JSON objects: `{"prompt": "a red fox", "size": "384x256", "seed": 7, "class": "fox", "count": 4}`, one a line (JSONL), or
/// in an array, whose elements may also be prompts alone. A field is `prompt` or the name of an option.
enum JSONPrompts {
  /// The fields of an object in their order.
  private typealias Fields = [(field: String, value: StrictJSON.Scalar)]

  static func line(
    _ text: String, number: Int, columns: ([(field: String, option: String?)]) -> Void
  ) throws(LineError) -> PromptLine? {
    if text.isEmpty || text.hasPrefix("#") { return nil }
    var fields: Fields = []
    try scan(Array(text.utf8)[...]) { json in
      fields = try object(&json)
      try json.end()
    }
    return try line(fields, number, columns)
  }

  /// A whole file: an array of objects and prompts, an object, or several of them. Their number takes the place of a line's.
  static func read(
    _ bytes: ArraySlice<UInt8>, columns: ([(field: String, option: String?)]) -> Void, line: (PromptLine) -> Void,
    problem: (PromptProblem) -> Void
  ) {
    var number = 1
    func element(_ json: inout StrictJSON) throws {
      do {
        if json.first() == UInt8(ascii: "{") {
          line(try JSONPrompts.line(try object(&json), number, columns))
        } else if case .string(let text) = try json.scalar() {
          line(PromptLine(number: number, prompt: try checked(text)))
        } else {
          throw LineError("a prompt or an object with one was expected")
        }
      } catch let error as LineError {
        problem(PromptProblem(line: number, reason: error.reason))
      }
      number += 1
    }
    do throws(LineError) {
      try scan(bytes) { json in
        while let first = json.first() {
          if first == UInt8(ascii: "[") { try json.array(element) } else { try element(&json) }
        }
      }
    } catch {
      problem(PromptProblem(line: number, reason: error.reason))
    }
  }

  private static func scan(_ bytes: ArraySlice<UInt8>, _ body: (inout StrictJSON) throws -> Void) throws(LineError) {
    do {
      try bytes.withUnsafeBytes { bytes in
        var json = StrictJSON(bytes)
        try body(&json)
      }
    } catch let error as Malformed {
      throw LineError(error.reason)
    } catch let error as LineError {
      throw error
    } catch {
      throw LineError("\(error)")
    }
  }

  private static func object(_ json: inout StrictJSON) throws -> Fields {
    var fields: Fields = []
    try json.object { json, name in fields.append((name.string, try json.scalar())) }
    return fields
  }

  private static func line(
    _ fields: Fields, _ number: Int, _ columns: ([(field: String, option: String?)]) -> Void
  ) throws(LineError) -> PromptLine {
    for (field, _) in fields { _ = try checked(field) }
    var names = FieldNames.options(fields.map(\.field))
    var present: [(option: String, value: String?)] = []
    for (index, (_, value)) in fields.enumerated() {
      guard let option = names[index] else { continue }
      switch value {
      case .null, .bool(false): break
      case .bool(true) where option != "prompt": present.append((option, nil))
      case .string, .number, .array, .bool, .object:
        if option == "prompt" {
          guard case .string = value else { throw LineError("\"prompt\" has to be a string") }
        }
        if option == "lora", case .array(let names) = value {  // an option that is given several times
          for name in names {
            guard case .string(let text) = name else { throw LineError("\"lora\" has to be a string or an array of them") }
            present.append((option, try checked(text)))
          }
        } else if let text = words(value) {
          present.append((option, try checked(text)))
        } else if FieldNames.isOurs(option) {
          throw LineError("\"\(option)\" has to be a string or a number")
        } else {
          names[index] = nil
        }
      }
    }
    columns(Array(zip(fields.map(\.field), names)))
    return try FieldNames.line(number, present)
  }

  private static func checked(_ text: String) throws(LineError) -> String {
    guard text.utf8.count <= PromptFile.longestLine else { throw LineError("a string of \(text.utf8.count) bytes") }
    try checkCharacters(text)
    return text
  }

  /// A value as the command line writes it; nil where it cannot.
  private static func words(_ value: StrictJSON.Scalar) -> String? {
    switch value {
    case .string(let text), .number(let text): return text
    case .array(let elements):
      let all = elements.compactMap(words)
      return all.count == elements.count ? all.joined(separator: ",") : nil
    case .bool, .null, .object: return nil
    }
  }
}
