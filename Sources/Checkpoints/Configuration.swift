import DiTErrors
import Foundation

/// Why a configuration file could not be used; one line naming the file and the field.
package enum ConfigurationError: UserError {
  case missing(file: String)
  case noFolder(path: String)
  case unreadable(file: String, reason: String)
  case wrong(file: String, reason: String)

  package var kind: UserErrorKind {
    switch self {
    case .missing, .noFolder, .unreadable: .notFound
    case .wrong: .damagedData
    }
  }

  package var description: String {
    switch self {
    case .missing(let file): "\(file): no such file; a model folder needs it"
    case .noFolder(let path): "\(path): no such folder"
    case .unreadable(let file, let reason): "\(file): cannot be read (\(reason))"
    case .wrong(let file, let reason): "\(file): \(reason)"
    }
  }
}

/// Decodes a small JSON file of a model folder.
/// - Parameter keepingNonFinite: NaN and Infinity are numbers, where they are looked for; elsewhere they are null.
/// - Throws: ``ConfigurationError``.
package func readConfiguration<Value: Decodable>(
  _ type: Value.Type, at url: URL, keepingNonFinite: Bool = false
) throws -> Value {
  let limit = 16 << 20
  guard FileManager.default.fileExists(atPath: url.path) else {
    if let reason = danglingLink(url) { throw ConfigurationError.unreadable(file: url.path, reason: reason) }
    let folder = url.deletingLastPathComponent().path
    guard FileManager.default.fileExists(atPath: folder) else { throw ConfigurationError.noFolder(path: folder) }
    throw ConfigurationError.missing(file: url.path)
  }
  let data: Data
  do {
    let handle = try FileHandle(forReadingFrom: url)
    defer { try? handle.close() }
    data = try handle.read(upToCount: limit + 1) ?? Data()
  } catch {
    throw ConfigurationError.unreadable(file: url.path, reason: "it is a folder, or not readable for you")
  }
  guard data.count <= limit else { throw ConfigurationError.wrong(file: url.path, reason: "larger than 16 MiB") }
  let isUTF16 = data.starts(with: [0xFF, 0xFE]) || data.starts(with: [0xFE, 0xFF])
  if let reason = isUTF16 ? "the file is UTF-16; save it as UTF-8" : data.withUnsafeBytes({ standIn($0) ?? linkAsText($0) }) {
    throw ConfigurationError.wrong(file: url.path, reason: reason)
  }
  let decoder = JSONDecoder()
  do {
    if keepingNonFinite {
      decoder.nonConformingFloatDecodingStrategy = .convertFromString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    }
    return try decoder.decode(type, from: normalisedJSON(data, keepingNonFinite: keepingNonFinite))
  } catch let error as DecodingError {
    let reason = error.isMisfit ? misfit(type, data, decoder) : error.oneLine
    throw ConfigurationError.wrong(file: url.path, reason: reason)
  } catch let error as Malformed {
    throw ConfigurationError.wrong(file: url.path, reason: data.withUnsafeBytes(textInPlace) ?? error.reason)
  }
}

/// Which number does not fit where a whole one is needed. Foundation's decoder takes it for a fault of the whole file and does
/// not say; the one without which the file is taken, or has another fault, is it.
private func misfit<Value: Decodable>(_ type: Value.Type, _ data: Data, _ decoder: JSONDecoder) -> String {
  let fields = (try? JSONDecoder().decode(JSONValue.self, from: normalisedJSON(data)))?.object ?? [:]
  for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
    guard let number = value.number, Int(exactly: number) == nil else { continue }
    var others = fields
    others[key] = .null
    do {
      _ = try decoder.decode(type, from: JSONEncoder().encode(JSONValue.object(others)))
    } catch let error as DecodingError where error.isMisfit {
      continue
    } catch {}
    return "\(key) is \(number), expected a whole number"
  }
  return "a number is not whole where one is needed, or too large"
}

/// JSON from outside as bytes that Foundation's decoder reads: of some malformed numbers and texts it makes a crash.
/// - Parameter keepingNonFinite: `NaN` becomes `"NaN"`, and so on.
/// - Throws: ``Malformed``.
package func normalisedJSON(_ data: Data, keepingNonFinite: Bool = false) throws -> Data {
  try data.withUnsafeBytes { bytes in
    var json = StrictJSON(bytes, lenient: true)
    var result: [UInt8] = []
    try json.normalised(into: &result, keepingNonFinite: keepingNonFinite)
    try json.end(newlines: true)
    return Data(result)
  }
}

/// A `config.json` whose kind is not known yet.
package struct ConfigurationFile: Sendable {
  package let url: URL
  package let fields: JSONValue
  /// "a configuration without _class_name" where it has none.
  package var className: String { fields["_class_name"]?.string ?? "a configuration without _class_name" }

  /// - Throws: ``ConfigurationError``.
  package init(_ url: URL) throws {
    self.url = url
    fields = try readConfiguration(JSONValue.self, at: url)
  }

  /// The file as a type of its own.
  package func read<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try readConfiguration(type, at: url, keepingNonFinite: true)
  }
}

extension KeyedDecodingContainer {
  /// A size from outside: a whole number within bounds, checked before anything is made of it.
  /// - Parameter fallback: what stands where the field is missing; nil: the field must be there.
  package func size(_ key: Key, _ range: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int {
    if let fallback, !contains(key) { return fallback }
    // What is no whole number is a fault of the whole file to Foundation's decoder.
    if let number = try? decode(Double.self, forKey: key), Int(exactly: number) == nil {
      throw wrong(key, "\(key.stringValue) is \(number), expected a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    let value = try decode(Int.self, forKey: key)
    guard range.contains(value) else {
      throw wrong(key, "\(key.stringValue) is \(value), expected \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// What is wrong with a field, in words.
  package func wrong(_ key: Key, _ reason: String) -> DecodingError {
    .dataCorruptedError(forKey: key, in: self, debugDescription: reason)
  }
}

extension DecodingError {
  /// What is decoded here is JSON: the decoder finds it to be none where a number is not of the type that is asked for.
  fileprivate var isMisfit: Bool {
    if case .dataCorrupted(let context) = self { context.debugDescription == "The given data was not valid JSON." } else { false }
  }

  fileprivate var oneLine: String {
    let (context, what): (Context, String) =
      switch self {
      case .keyNotFound(let key, let context): (context, "\"\(key.stringValue)\" is missing")
      case .typeMismatch(let type, let context): (context, "expected \(Self.words(type))")
      case .valueNotFound(let type, let context): (context, "expected \(Self.words(type)), found null")
      case .dataCorrupted(let context): (context, context.debugDescription)
      @unknown default: (Context(codingPath: [], debugDescription: ""), "not understood")
      }
    let path = context.codingPath.map(\.stringValue).joined(separator: ".")
    let text = path.isEmpty || what.contains(path) ? what : "\(path): \(what)"
    return text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// What JSON calls a type.
  private static func words(_ type: Any.Type) -> String {
    switch type {
    case is any BinaryInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is String.Type: "a text"
    case is Bool.Type: "true or false"
    default: "\(type)".hasPrefix("Dictionary") ? "an object" : "\(type)".hasPrefix("Array") ? "a list" : "\(type)"
    }
  }
}
