import Foundation

/// A prompt with choices in braces, `a {red,blue} {fox,owl}`, and the matrix of what it stands for.
///
/// Choices may be empty (`a {,big} fox`), nested (`{a {red,blue} fox,an owl}` has three) and numbers in a row (`{1..4}`).
/// A backslash takes the meaning from `{`, `}`, `,` and `\`.
package struct PromptTemplate: Sendable {
  /// What stands in each pair of braces, left to right.
  package let axes: [[String]]
  /// The text around the axes: one more than there are axes.
  private let pieces: [String]

  package static let limit = 4096
  /// Pairs of braces in one prompt, and bytes of all that they stand for together.
  static let bracesLimit = 64, textLimit = 16 << 20

  /// - Throws: ``BatchError/template(_:)``.
  package init(_ text: String) throws {
    var parser = Parser(rest: text[...])
    (pieces, axes) = try parser.sequence(isNested: false)
    var count = 1
    for axis in axes {
      count *= axis.count
      guard count <= PromptTemplate.limit else {
        throw BatchError.template("the braces stand for more than \(PromptTemplate.limit) prompts")
      }
    }
    let longest = pieces.reduce(0) { $0 + $1.utf8.count } + axes.reduce(0) { $0 + ($1.map(\.utf8.count).max() ?? 0) }
    try PromptTemplate.check(bytes: count * longest)
  }

  private static func check(bytes: Int) throws {
    guard bytes <= textLimit else { throw BatchError.template("the braces stand for more than \(textLimit >> 20) MiB of text") }
  }

  /// All choices of the axes in `range`, the last one changing fastest.
  private func choices(_ range: Range<Int>) -> [[String]] {
    range.reduce([[]]) { chosen, axis in chosen.flatMap { before in axes[axis].map { before + [$0] } } }
  }

  private func prompt(_ values: [String]) -> String {
    let text = zip(pieces, values + [""]).map { $0 + $1 }.joined()
    // An empty choice leaves two blanks behind.
    return text.split(separator: " ").joined(separator: " ")
  }

  /// All prompts, the last axis changing fastest.
  package var prompts: [String] { choices(0..<axes.count).map(prompt) }

  /// The prompts as a table; its labels say what was chosen.
  package struct Matrix: Sendable, Equatable {
    package var rows: [[String]]
    package var rowLabels: [String]
    package var columnLabels: [String]
  }

  /// The first axes go down, the others across: two make rows and columns, and of more those are folded together that
  /// leave the table closest to a square, rather wide than high.
  package var matrix: Matrix {
    let sizes = axes.map(\.count)
    func shape(_ split: Int) -> (rows: Int, columns: Int) {
      (sizes[..<split].reduce(1, *), sizes[split...].reduce(1, *))
    }
    let split = axes.count == 2 ? 1 : (0...axes.count).min { a, b in
      let (a, b) = (shape(a), shape(b))
      return (max(a.rows, a.columns), a.rows) < (max(b.rows, b.columns), b.rows)
    } ?? 0
    let down = choices(0..<split), across = choices(split..<axes.count)
    return Matrix(
      rows: down.map { row in across.map { prompt(row + $0) } },
      rowLabels: split == 0 ? [] : down.map(PromptTemplate.label),
      columnLabels: split == axes.count ? [] : across.map(PromptTemplate.label))
  }

  private static func label(_ values: [String]) -> String {
    values.map { $0.isEmpty ? "–" : $0 }.joined(separator: " · ")
  }

  private struct Parser {
    var rest: Substring
    var depth = 0
    var pairs = 0
    /// Of all choices that were made so far.
    var bytes = 0

    /// Text and braces up to the end, or, nested, up to a comma or a closing brace, which stays.
    mutating func sequence(isNested: Bool) throws -> (pieces: [String], axes: [[String]]) {
      var pieces = [""]
      var axes: [[String]] = []
      while let character = rest.first {
        if isNested, character == "," || character == "}" { break }
        rest.removeFirst()
        switch character {
        case "\\":
          guard let escaped = rest.first, "{},\\".contains(escaped) else {
            pieces[pieces.count - 1].append("\\")
            continue
          }
          pieces[pieces.count - 1].append(rest.removeFirst())
        case "{":
          axes.append(try braces())
          pieces.append("")
        case "}": throw BatchError.template("a } without its {; write \\} for the character itself")
        default: pieces[pieces.count - 1].append(character)
        }
      }
      return (pieces, axes)
    }

    private mutating func braces() throws -> [String] {
      depth += 1
      pairs += 1
      defer { depth -= 1 }
      guard pairs <= PromptTemplate.bracesLimit else {
        throw BatchError.template("more than \(PromptTemplate.bracesLimit) pairs of braces")
      }
      guard depth <= 16 else { throw BatchError.template("braces nested deeper than 16") }
      if let range = rest.prefixMatch(of: /(-?[0-9]{1,6})\.\.(-?[0-9]{1,6})\}/), let first = Int(range.1),
        let last = Int(range.2)
      {
        rest = rest[range.range.upperBound...]
        guard abs(last - first) < PromptTemplate.limit else {
          throw BatchError.template("{\(range.1)..\(range.2)}: at most \(PromptTemplate.limit) numbers")
        }
        return stride(from: first, through: last, by: first <= last ? 1 : -1).map(String.init)
      }
      var choices: [String] = []
      while true {
        let (pieces, axes) = try sequence(isNested: true)
        choices += try expand(pieces, axes)
        guard choices.count <= PromptTemplate.limit else {
          throw BatchError.template("more than \(PromptTemplate.limit) choices in one pair of braces")
        }
        guard let end = rest.popFirst() else {
          throw BatchError.template("a { without its }; write \\{ for the character itself")
        }
        if end == "}" { return choices.map { $0.trimmingCharacters(in: .whitespaces) } }
      }
    }

    private mutating func expand(_ pieces: [String], _ axes: [[String]]) throws -> [String] {
      var texts = [pieces[0]]
      for (axis, piece) in zip(axes, pieces.dropFirst()) {
        guard texts.count * axis.count <= PromptTemplate.limit else {
          throw BatchError.template("more than \(PromptTemplate.limit) choices in one pair of braces")
        }
        let before = texts.reduce(0) { $0 + $1.utf8.count } + texts.count * piece.utf8.count
        bytes += before * axis.count + axis.reduce(0) { $0 + $1.utf8.count } * texts.count
        try PromptTemplate.check(bytes: bytes)
        texts = texts.flatMap { text in axis.map { text + $0 + piece } }
      }
      return texts
    }
  }
}
