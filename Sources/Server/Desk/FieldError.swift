import DiTErrors
import DiTModels
import Foundation

/// What is wrong with a request's fields: a line that names the field.
package enum FieldError: UserError, Equatable {
  case unknown(String, near: String?)
  case range(String, String, String)
  case value(String, String, String)
  case tooLarge(PictureSize, most: Int)
  /// In characters.
  case tooLong(String, Int, most: Int)
  case noImage(String)
  case noAttention(String)
  case noFewSteps(String)
  case notBase64(String)
  case noClass(String, near: String?)
  case noAdapter(String, there: [String])
  /// One that is there and cannot be used.
  case badAdapter(String)
  case json(String)

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .unknown(let name, let near): "\(name): there is no such field\(near.map { "; \($0)?" } ?? "")"
    case .range(let field, let value, let range): "\(field) \(value): expected \(range)"
    case .value(let field, let value, let wanted): "\(field) \"\(value.prefix(40))\": expected \(wanted)"
    case .tooLarge(let size, let most):
      "size \(size): more than the \(most) pixels that this server draws"
    case .tooLong(let field, let count, let most): "\(field): \(count) characters; this server reads up to \(most)"
    case .noImage(let field): "\(field) needs an image"
    case .noAttention(let model): "attention: \(model) does not read words by cross-attention"
    case .noFewSteps(let model): "fast: \(model) has no adapter for few steps"
    case .notBase64(let field): "\(field): not base64, and no data: URL of it"
    case .noClass(let name, let near): "class \"\(name)\": the model knows none of that name\(near.map { "; \($0)?" } ?? "")"
    case .noAdapter(let name, let there):
      "LoRA \"\(name.prefix(60))\": not on this server\(there.isEmpty ? "" : "; there is \(listed(there, most: 6))")"
    case .badAdapter(let reason): "LoRA \(reason)"
    case .json(let reason): reason
    }
  }

  /// The field that is wrong, where it is one.
  package var field: String? {
    switch self {
    case .unknown(let name, _), .range(let name, _, _), .value(let name, _, _), .noImage(let name), .notBase64(let name),
      .tooLong(let name, _, _):
      name
    case .tooLarge: "size"
    case .noAttention: "attention"
    case .noFewSteps: "fast"
    case .noClass: "class"
    case .noAdapter, .badAdapter: "prompt"
    case .json: nil
    }
  }
}

extension FieldError {
  /// What a decoder has to say, in a line.
  package init(_ error: DecodingError) {
    func name(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
      let path = (context.codingPath + [key].compactMap(\.self)).map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
      return path.isEmpty ? "the body" : path.joined(separator: ".")
    }
    self =
      switch error {
      case .typeMismatch(let type, let context): .json("\(name(context)): expected \(FieldError.words(type))")
      case .valueNotFound(let type, let context): .json("\(name(context)): expected \(FieldError.words(type)), not null")
      case .keyNotFound(let key, let context): .json("\(name(context, key)) is missing")
      case .dataCorrupted(let context) where context.codingPath.isEmpty: .json("the body is no JSON that can be read")
      case .dataCorrupted(let context): .json("\(name(context)): \(context.debugDescription)")
      @unknown default: .json("the body is no JSON that can be read")
      }
  }

  /// What a value of that type is called.
  static func words(_ type: any Any.Type) -> String {
    switch type {
    case is String.Type: "a text"
    case is Int.Type, is UInt64.Type: "a whole number"
    case is Double.Type, is Float.Type: "a number"
    case is Bool.Type: "true or false"
    case is any Collection.Type where !"\(type)".hasPrefix("Dictionary<"): "a list"
    default: "an object"
    }
  }

  /// - Throws: ``unknown(_:near:)`` for a field that is not among `known`.
  package static func checkNames(_ decoder: any Decoder, known: [String]) throws {
    for key in try decoder.container(keyedBy: AnyCodingKey.self).allKeys where !known.contains(key.stringValue) {
      let name = String(key.stringValue.prefix(60))
      let near = known.min { editDistance($0, name) < editDistance($1, name) }
      throw unknown(name, near: near.flatMap { editDistance($0, name) <= max(1, name.count / 3) ? $0 : nil })
    }
  }

  /// - Throws: ``tooLong(_:_:most:)``.
  package static func checkLength(of text: String?, _ field: String, most: Int) throws(FieldError) {
    guard let count = text?.unicodeScalars.count, count > most else { return }
    throw .tooLong(field, count, most: most)
  }

  /// Of what the generator reads 32 bits; -1 is one by chance.
  static func seed(_ seed: Int) throws(FieldError) -> UInt64 {
    guard seed >= -1 else { throw .range("seed", "\(seed)", "0 to 4294967295, or -1 for one by chance") }
    return seed == -1 ? UInt64.random(in: 0..<(1 << 32)) : UInt64(seed) & 0xFFFF_FFFF
  }

  /// The bytes of a picture, from base64 or a data: URL.
  package static func bytes(_ text: String, field: String) throws(FieldError) -> [UInt8] {
    var text = Substring(text)
    if text.prefix(5).lowercased() == "data:" {
      guard let comma = text.firstIndex(of: ","), text[..<comma].hasSuffix(";base64") else { throw .notBase64(field) }
      text = text[comma...].dropFirst()
    }
    guard let data = Data(base64Encoded: String(text), options: .ignoreUnknownCharacters), !data.isEmpty else {
      throw .notBase64(field)
    }
    return [UInt8](data)
  }
}

package func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

extension KeyedDecodingContainer {
  /// A whole number, which other languages may write as 25.0.
  /// - Throws: ``FieldError/value(_:_:_:)`` for another number, `DecodingError` for what is none.
  package func wholeNumber(forKey key: Key) throws -> Int? {
    guard let number = try decodeIfPresent(Double.self, forKey: key) else { return nil }
    if let whole = try? decode(Int.self, forKey: key) { return whole }
    guard let whole = Int(exactly: number) else { throw FieldError.value(key.stringValue, "\(number)", "a whole number") }
    return whole
  }
}

/// Any name of a member.
struct AnyCodingKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
