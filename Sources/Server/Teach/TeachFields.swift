import DiTFiles
import DiTTeaching
import Foundation

/// The form of `POST /v1/teach`.
package struct TeachFields: Sendable {
  /// Nil: the first.
  package let model: String?
  /// Which class the pictures show, of a model that reads no words.
  package let className: String?
  package let order: TeachingOrder
  package let pictures: [TaughtPictures.Sent]
  /// Whether what an earlier run of that name has left is thrown away.
  package let startsAnew: Bool

  /// Of one run.
  package static let mostPictures = 100
  /// Pictures, captions, and the others.
  package static let mostParts = 2 * mostPictures + 16

  private static let known: Set = [
    "picture", "caption", "word", "name", "model", "class", "style", "samples", "minutes", "rank", "rate", "seed", "anew",
  ]

  /// - Throws: ``RefusedRequest``, ``FieldError`` or `TeachingError`, which name the field.
  package init(_ form: MultipartForm) throws {
    let reader = FormFields(form: form)
    try reader.checkNames(Self.known)
    pictures = try Self.pictures(form)
    model = try reader.value("model")
    className = try reader.value("class")
    startsAnew = try reader.value("anew") ?? false
    let word: String? = try reader.value("word"), name: String? = try reader.value("name")
    guard let called = name ?? word.map(slug) else {
      throw RefusedRequest(
        .badRequest, "Missing required parameter: 'word'.", field: "word", code: "missing_required_parameter")
    }
    var order = try TeachingOrder(name: called, word: word, isStyle: reader.value("style") ?? false)
    order.samples = try reader.number("samples", in: TeachingOrder.sampleCounts)
    order.minutes = try reader.value("minutes")
    order.rank = try reader.number("rank", in: TeachingOrder.ranks) ?? order.rank
    order.rate = try reader.number("rate", in: TeachingOrder.rates) ?? order.rate
    order.seed = try UInt64(reader.number("seed", in: 0...0xFFFF_FFFF) ?? 0)
    if let minutes = order.minutes {
      let times = TeachingOrder.times
      guard times.contains(minutes), order.samples == nil else {
        throw FieldError.range("minutes", "\(minutes)", "\(times.lowerBound) to \(times.upperBound), and no samples")
      }
    }
    self.order = order
  }

  /// The files, each with its caption: one is of all of them, and several stand in the pictures' order.
  private static func pictures(_ form: MultipartForm) throws -> [TaughtPictures.Sent] {
    let files = form.parts.filter { $0.name == "picture" }
    guard (1...mostPictures).contains(files.count) else {
      throw FieldError.range("picture", "\(files.count) times", "1 to \(mostPictures)")
    }
    let captions = try form.parts.filter { $0.name == "caption" }.map { part in
      guard let text = String(validating: part.bytes, as: UTF8.self) else {
        throw RefusedRequest(.badRequest, "caption: expected a text in UTF-8", field: "caption")
      }
      return text
    }
    guard captions.count < 2 || captions.count == files.count else {
      throw FieldError.range("caption", "\(captions.count) times", "one, or one for each of the \(files.count) pictures")
    }
    return files.enumerated().map { index, part in
      let caption = captions.count > 1 ? captions[index] : captions.first
      return (fileName(part.fileName) ?? "picture-\(index + 1)", Array(part.bytes), caption)
    }
  }

  /// Without a path; nil for what is none.
  private static func fileName(_ text: String?) -> String? {
    guard let name = text?.split(whereSeparator: { "/\\".contains($0) }).last, name.utf8.count <= 200,
      name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }), !name.hasPrefix(".")
    else { return nil }
    return String(name)
  }
}
