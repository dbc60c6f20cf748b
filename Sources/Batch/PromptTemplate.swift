import Foundation

/// A prompt with choices in braces, `a {red,blue} {fox,owl}`, and the matrix of what it stands for.
///
/// Choices may be empty (`a {,big} fox`), nested (`{a {red,blue} fox,an owl}` has three) and numbers in a row (`{1..4}`).
/// A backslash takes the meaning from `{`, `}`, `,` and `\`.
package struct PromptTemplate: Sendable {
  /// What stands in each pair of braces, left to right; one choice alone is plain text.
  package let axes: [[String]]
  /// The text around the axes: one more than there are axes.
  private let pieces: [String]

  package static let limit = 4096

  /// - Throws: ``BatchError/template(_:)``.
  package init(_ text: String) throws {
    var parser = Parser(rest: text[...])
    (pieces, axes) = try parser.sequence(isNested: false)
    try PromptTemplate.check(pieces, axes, "the braces stand for")
  }

  /// All prompts together, in bytes.
  private static let largest = 64 << 20

  /// How many prompts some axes stand for and how long those are, before they are made.
  private static func check(_ pieces: [String], _ axes: [[String]], _ what: String) throws {
    var count = 1
    var length = pieces.reduce(0) { $0 + $1.utf8.count }
    for axis in axes {
      count *= axis.count
      length += axis.reduce(0) { max($0, $1.utf8.count) }
      guard count <= limit else { throw BatchError.template("\(what) more than \(limit) prompts, which is the limit") }
    }
    guard length <= largest / count else {
      throw BatchError.template("\(what) more than \(largest >> 20) MB of prompts, which is the limit")
    }
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
          let choices = try braces()
          if choices.count == 1 {
            pieces[pieces.count - 1] += choices[0]
          } else {
            axes.append(choices)
            pieces.append("")
          }
        case "}": throw BatchError.template("a } without its {; write \\} for the character itself")
        default: pieces[pieces.count - 1].append(character)
        }
      }
      return (pieces, axes)
    }

    private mutating func braces() throws -> [String] {
      depth += 1
      defer { depth -= 1 }
      guard depth <= 16 else { throw BatchError.template("braces nested deeper than 16") }
      if let range = rest.prefixMatch(of: /(-?[0-9]+)\.\.(-?[0-9]+)\}/) {
        rest = rest[range.range.upperBound...]
        guard let first = Int(range.1), let last = Int(range.2), first.magnitude < 1 << 62, last.magnitude < 1 << 62,
          abs(last - first) < PromptTemplate.limit
        else {
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

    private func expand(_ pieces: [String], _ axes: [[String]]) throws -> [String] {
      try PromptTemplate.check(pieces, axes, "one pair of braces stands for")
      return zip(axes, pieces.dropFirst()).reduce([pieces[0]]) { texts, next in
        texts.flatMap { text in next.0.map { text + $0 + next.1 } }
      }
    }
  }
}
