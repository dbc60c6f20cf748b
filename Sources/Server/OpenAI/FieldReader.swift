import Foundation
import HTTPTypes

/// Reads a request's fields by name, whether they are members of an object or parts of a form.
protocol FieldReader {
  /// Of the fields that were given.
  var names: [String] { get }

  /// Nil: not given, or null.
  /// - Throws: ``RefusedRequest`` that names the field.
  func value<Value: FieldValue>(_ name: String) throws -> Value?
}

typealias FieldValue = Decodable & LosslessStringConvertible

extension FieldReader {
  /// - Throws: ``RefusedRequest`` for a field that is not among `known`.
  func checkNames(_ known: Set<String>) throws {
    for name in names where !known.contains(name) {
      let shown = String(name.prefix(60))
      throw RefusedRequest(.badRequest, "Unknown parameter: '\(shown)'.", field: shown, code: "unknown_parameter")
    }
  }

  /// - Throws: ``RefusedRequest`` for a word that is not among `allowed`.
  func word(_ name: String, _ allowed: [String], why: String? = nil) throws -> String? {
    guard let word: String = try value(name) else { return nil }
    guard allowed.contains(word) else {
      throw FieldError.value(name, word, allowed.joined(separator: ", ") + (why.map { "; \($0)" } ?? ""))
    }
    return word
  }

  /// - Throws: ``RefusedRequest`` for a number outside `range`.
  func number<Number: FieldValue & Comparable>(_ name: String, in range: ClosedRange<Number>) throws -> Number? {
    guard let number: Number = try value(name) else { return nil }
    guard range.contains(number) else {
      throw FieldError.range(name, "\(number)", "\(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}

/// Members of an object of JSON.
struct JSONFields: FieldReader {
  private let container: KeyedDecodingContainer<AnyCodingKey>

  init(_ decoder: any Decoder) throws { container = try decoder.container(keyedBy: AnyCodingKey.self) }

  var names: [String] { container.allKeys.map(\.stringValue) }

  func value<Value: FieldValue>(_ name: String) throws -> Value? {
    let key = AnyCodingKey(stringValue: name)
    do {
      return try container.decodeIfPresent(Value.self, forKey: key)
    } catch {  // a number that no Int holds is none of the decoder's own errors here
      if Value.self == Int.self, let number = try? container.wholeNumber(forKey: key) { return number as? Value }
      throw RefusedRequest(.badRequest, "\(name): expected \(FieldError.words(Value.self))", field: name)
    }
  }
}

/// Parts of a form; a number is its digits.
struct FormFields: FieldReader {
  let form: MultipartForm

  var names: [String] { form.parts.map(\.name) }

  func value<Value: FieldValue>(_ name: String) throws -> Value? {
    guard let text = try form.text(name), !text.isEmpty else { return nil }
    guard let value = Value(text) else {
      throw FieldError.value(name, text, FieldError.words(Value.self))
    }
    return value
  }
}

extension ClassField: LosslessStringConvertible {
  /// An index in digits is found as one where no class is called so.
  package init(_ description: String) { self = .name(description) }

  package var description: String {
    switch self {
    case .name(let name): name
    case .index(let index): String(index)
    }
  }
}
