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
    let tokens = Token.all(of: prompt)
    var spans: [Span] = []
    var plain = String.UnicodeScalarView()
    func flush() {
      if !plain.isEmpty { spans.append(Span(text: String(plain), weight: 1)) }
      plain.removeAll()
    }
    var index = 0
    for group in try WeightedPrompt.groups(tokens) {
      plain.append(contentsOf: tokens[index..<group.start].lazy.map(\.scalar))
      flush()
      let words = tokens[group.start + 1..<group.colon].map(\.scalar)
      spans.append(Span(text: String(String.UnicodeScalarView(words)), weight: group.weight))
      index = group.end + 1
    }
    plain.append(contentsOf: tokens[index...].lazy.map(\.scalar))
    flush()
    self.spans = spans
  }

  /// The words of a prompt, and the prompt itself where its weights are wrong.
  package static func plain(_ prompt: String) -> String { (try? WeightedPrompt(prompt).text) ?? prompt }

  /// A character, and whether it may be a bracket.
  private struct Token {
    let scalar: Unicode.Scalar
    let isEscaped: Bool

    static func all(of prompt: String) -> [Token] {
      var tokens: [Token] = []
      var escapes = false
      for scalar in prompt.unicodeScalars {
        if escapes, "()[]\\".unicodeScalars.contains(scalar) {
          tokens[tokens.count - 1] = Token(scalar: scalar, isEscaped: true)
          escapes = false
        } else {
          tokens.append(Token(scalar: scalar, isEscaped: false))
          escapes = scalar == "\\"
        }
      }
      return tokens
    }

    func `is`(_ scalar: Unicode.Scalar) -> Bool { !isEscaped && self.scalar == scalar }
  }

  /// `(words:number)`: places of its brackets and of its last colon.
  private struct Group {
    let start, colon, end: Int
    let weight: Float
  }

  /// The groups in order. Every bracket is put on the stack and taken off once, so that no text takes long.
  private static func groups(_ tokens: [Token]) throws -> [Group] {
    var groups: [Group] = []
    var open: [Int] = []
    var counts: [Unicode.Scalar: Int] = [:]
    for (end, token) in tokens.enumerated() where !token.isEscaped {
      switch token.scalar {
      case "(", "[":
        open.append(end)
        counts[token.scalar, default: 0] += 1
      case ")", "]":
        let opening: Unicode.Scalar = token.scalar == ")" ? "(" : "["
        guard counts[opening, default: 0] > 0 else { continue }
        // Brackets of the other kind in between were never closed: plain ones.
        var start = end
        repeat {
          start = open.removeLast()
          counts[tokens[start].scalar, default: 0] -= 1
        } while !tokens[start].is(opening)
        guard let group = try weight(tokens, from: start, to: end) else { continue }
        if let last = groups.last, last.start > start { throw WeightError.nested }
        groups.append(group)
      default: continue
      }
    }
    return groups
  }

  /// The weight of a pair of brackets; nil where they are ordinary ones.
  private static func weight(_ tokens: [Token], from start: Int, to end: Int) throws -> Group? {
    var number = String.UnicodeScalarView()
    var index = end - 1
    while index > start, !tokens[index].is(":"), number.count <= 32 {
      number.insert(tokens[index].scalar, at: number.startIndex)
      index -= 1
    }
    let text = String(number).trimmingCharacters(in: .whitespaces)
    guard index > start, tokens[index].is(":"), let weight = Float(text),
      !isRatio(tokens[start + 1..<index], to: text)
    else { return nil }
    guard weights.contains(weight) else { throw WeightError.range(text) }
    return Group(start: start, colon: index, end: end, weight: weight)
  }

  /// `(3:2)`, and a time of day, `(at 3:00)`.
  private static func isRatio(_ words: ArraySlice<Token>, to number: String) -> Bool {
    func isDigit(_ token: Token) -> Bool { ("0"..."9").contains(token.scalar) }
    if words.contains(where: isDigit), words.allSatisfy({ isDigit($0) || $0.scalar == " " }) { return true }
    return number.count == 2 && number.allSatisfy(\.isNumber) && words.last.map(isDigit) == true
  }
}

package enum WeightError: UserError {
  case nested
  case range(String)

  package var kind: UserErrorKind { .usage }

  package var description: String {
    switch self {
    case .nested: "weights inside weights: write each word's weight once, or \\( and \\[ for plain brackets"
    case .range(let text):
      "weight \(text): expected a number from 0 to 3; write \\( or \\[ for a plain bracket"
    }
  }
}
