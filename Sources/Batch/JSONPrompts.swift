import DiTCheckpoints

/// JSON objects, one a line: `{"prompt": "a red fox", "size": "384x256", "seed": 7, "class": "fox", "count": 4}`.
/// A field is `prompt` or the name of an option.
enum JSONPrompts {
  static func line(_ text: String, number: Int) throws(LineError) -> PromptLine? {
    if text.isEmpty || text.hasPrefix("#") { return nil }
    var result = PromptLine(number: number, prompt: nil)
    do {
      try Array(text.utf8).withUnsafeBytes { bytes in
        var json = StrictJSON(bytes)
        try json.object { json, name in try add(name.string, json.scalar(), to: &result) }
        try json.end()
      }
    } catch let error as Malformed {
      throw LineError(error.reason)
    } catch let error as LineError {
      throw error
    } catch {
      throw LineError("\(error)")
    }
    return result
  }

  private static func add(_ name: String, _ value: StrictJSON.Scalar, to line: inout PromptLine) throws {
    guard name != "prompt" else {
      switch value {
      case .string(let text):
        try checkCharacters(text)
        line.prompt = text
      case .null: break
      default: throw LineError("\"prompt\" has to be a string")
      }
      return
    }
    switch value {
    case .null, .bool(false): _ = try optionName(name)
    case .bool(true): line.options.append(try optionName(name))
    default: line.options += try option(name, words(value))
    }
  }

  private static func words(_ value: StrictJSON.Scalar) throws -> String {
    switch value {
    case .string(let text), .number(let text):
      try checkCharacters(text)
      return text
    case .array(let elements): return try elements.map(words).joined(separator: ",")
    case .bool, .null: throw LineError("true, false or null in an array")
    }
  }
}

/// `negative` → `--negative`; JSON and CSV may write `_` for `-`.
func optionName(_ field: String) throws(LineError) -> String {
  let name = field.replacing("_", with: "-")
  guard name.wholeMatch(of: /[a-z][a-z0-9-]*/) != nil else { throw LineError("no field \(printable(field))") }
  return "--\(name)"
}

/// An option with its value as the argument parser takes them: in one word, which may begin with anything, but not be
/// empty after the `=`.
func option(_ field: String, _ value: String) throws(LineError) -> [String] {
  let name = try optionName(field)
  return value.isEmpty ? [name, ""] : ["\(name)=\(value)"]
}
