import DiTCheckpoints
import DiTErrors
import Foundation

/// Something in a scheduler's configuration that is not done here, though another sampler could draw.
package struct SchedulerRefusal: WordedError, Equatable {
  let file: String
  /// "solver_type is "logrho", expected "midpoint" or "heun"".
  let reason: String
  let sampler: String

  package var kind: UserErrorKind { .damagedData }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    "\(file): \(reason); "
      + say("--sampler \(sampler) draws without it", "GenerationRequest.sampler \"\(sampler)\" draws without it")
  }
}

/// The fields of `scheduler_config.json`, which are asked for one by one; what was not asked for is known in the end.
struct SchedulerFields {
  let file: String
  private let fields: [String: JSONValue]
  private(set) var asked: Set<String> = []

  /// - Parameter name: the class where the file does not say.
  /// - Throws: `ConfigurationError`.
  init(_ url: URL, named name: String? = nil) throws {
    file = url.path
    guard var object = try readConfiguration(JSONValue.self, at: url).object else {
      throw ConfigurationError.wrong(file: url.path, reason: "expected an object of fields")
    }
    if let name, object["_class_name"] ?? .null == .null { object["_class_name"] = .string(name) }
    fields = object
  }

  /// Whether the file has a field, and it is not null.
  func has(_ key: String) -> Bool { fields[key] != nil && fields[key] != .null }

  /// All fields but those that only say where the file is from, or are null.
  var all: [String] { fields.keys.filter { !$0.hasPrefix("_") && has($0) }.sorted() }

  /// Those that nobody asked for.
  var unasked: [String] { all.filter { !asked.contains($0) } }

  /// Whether a field is false.
  func isOff(_ key: String) -> Bool { fields[key] == .bool(false) }

  func wrong(_ key: String, _ expected: String) -> ConfigurationError {
    .wrong(file: file, reason: "\(key) is \(text(key)), \(expected)")
  }

  /// A field's value as the file has it, shortened.
  func text(_ key: String) -> String {
    let text = fields[key].flatMap { try? String(decoding: JSONEncoder().encode($0), as: UTF8.self) } ?? "missing"
    return text.count > 40 ? text.prefix(40) + "…" : text
  }

  private mutating func value<Value>(_ key: String, _ kind: String, _ read: (JSONValue) -> Value?) throws -> Value? {
    asked.insert(key)
    guard has(key), let field = fields[key] else { return nil }
    guard let value = read(field) else { throw wrong(key, "expected \(kind)") }
    return value
  }

  mutating func number(_ key: String, _ range: ClosedRange<Double>) throws -> Double? {
    let value = try value(key, "a number") { $0.number }
    guard let value, !range.contains(value) else { return value }
    throw wrong(key, "expected \(range.lowerBound) to \(range.upperBound)")
  }

  mutating func integer(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
    let value = try value(key, "a whole number") { $0.integer }
    guard let value, !range.contains(value) else { return value }
    throw wrong(key, "expected \(range.lowerBound) to \(range.upperBound)")
  }

  mutating func flag(_ key: String) throws -> Bool? { try value(key, "true or false") { $0.bool } }
  mutating func string(_ key: String) throws -> String? { try value(key, "a text") { $0.string } }

  mutating func numbers(_ key: String) throws -> [Double]? {
    try value(key, "a list of numbers") { field in
      guard let all = field.array, case let numbers = all.compactMap(\.number), numbers.count == all.count else { return nil }
      return numbers
    }
  }

  /// Fields that change nothing as long as others are off.
  mutating func pass(_ keys: String...) { asked.formUnion(keys) }
}
