import DiTErrors
import Foundation

/// A prompt whose words count more or less: `a (red:1.3) fox in [snow:0.5]`.
///
/// Round and square brackets mean the same: the number is the weight, from 0 to 3. Brackets without a number, and text
/// without brackets, are words like any other; a backslash makes the next bracket or backslash plain.
package struct WeightedPrompt: Equatable, Sendable {
  package struct Span: Equatable, Sendable {
    package let text: String
    package let weight: Float
  }

  package let spans: [Span]
  /// The words alone.
  package var text: String { spans.map(\.text).joined() }
  package var isPlain: Bool { spans.allSatisfy { $0.weight == 1 } }

  package static let weights: ClosedRange<Float> = 0...3

  /// - Throws: ``WeightError`` for weights out of range or inside one another.
  package init(_ prompt: String) throws {
    let characters = Array(prompt.unicodeScalars)
    var spans: [Span] = []
    var plain = String.UnicodeScalarView()
    var index = 0
    func flush() {
      if !plain.isEmpty { spans.append(Span(text: String(plain), weight: 1)) }
      plain.removeAll()
    }
    while index < characters.count {
      let character = characters[index]
      if character == "\\", index + 1 < characters.count, WeightedPrompt.isSpecial(characters[index + 1]) {
        plain.append(characters[index + 1])
        index += 2
      } else if character == "(" || character == "[", let group = try WeightedPrompt.group(characters, from: index) {
        flush()
        spans.append(group.span)
        index = group.end
      } else {
        plain.append(character)
        index += 1
      }
    }
    flush()
    self.spans = spans
  }

  /// The words of a prompt, and the prompt itself where its weights are wrong.
  package static func plain(_ prompt: String) -> String { (try? WeightedPrompt(prompt).text) ?? prompt }

  private static func isSpecial(_ scalar: Unicode.Scalar) -> Bool { "()[]\\".unicodeScalars.contains(scalar) }

  /// `(words:number)` from an opening bracket on; nil where the bracket is an ordinary one.
  private static func group(_ characters: [Unicode.Scalar], from start: Int) throws -> (span: Span, end: Int)? {
    let closing: Unicode.Scalar = characters[start] == "(" ? ")" : "]"
    var words = String.UnicodeScalarView()
    var index = start + 1
    while index < characters.count {
      let character = characters[index]
      if character == "\\", index + 1 < characters.count, isSpecial(characters[index + 1]) {
        words.append(characters[index + 1])
        index += 2
        continue
      }
      if character == closing { break }
      if character == "(" || character == "[", try group(characters, from: index) != nil { throw WeightError.nested }
      words.append(character)
      index += 1
    }
    guard index < characters.count else { return nil }
    let parts = String(words).split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 2, let weight = Float(parts[parts.count - 1].trimmingCharacters(in: .whitespaces)) else {
      return nil
    }
    guard weights.contains(weight) else { throw WeightError.range(String(parts[parts.count - 1])) }
    return (Span(text: parts.dropLast().joined(separator: ":"), weight: weight), index + 1)
  }
}

package enum WeightError: UserError {
  case nested
  case range(String)
  case negative
  case unsupported(String)

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .nested: "weights inside weights: write each word's weight once, or \\( and \\[ for plain brackets"
    case .range(let text):
      "weight \(text.trimmingCharacters(in: .whitespaces)): expected a number from 0 to 3; "
        + "write \\( or \\[ for a plain bracket"
    case .unsupported(let model):
      "\(model) reads its text among the patches, where words cannot be weighed; write \\( for a bracket"
    case .negative: "the negative prompt takes no weights; write \\( or \\[ for a plain bracket"
    }
  }
}
