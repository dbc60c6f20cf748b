import DiTErrors
import Foundation

/// Prompts with classes, from a file: a CSV whose first line names the columns prompt and class, or lines
/// `a red fox in snow --class fox`.
package struct ComparisonFile {
  package struct Entry: Equatable, Sendable {
    package let prompt: String
    package let className: String

    package init(prompt: String, className: String) {
      self.prompt = prompt
      self.className = className
    }
  }

  package let entries: [Entry]

  /// - Throws: ``ComparisonFileError``, naming file and line.
  package init(_ url: URL) throws {
    guard let data = try? Data(contentsOf: url) else { throw ComparisonFileError.unreadable(url.path) }
    guard let text = String(data: data, encoding: .utf8) else { throw ComparisonFileError.notText(url.path) }
    let lines = text.replacing("\u{FEFF}", with: "").split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated().map { (number: $0 + 1, text: $1.trimmingCharacters(in: .whitespaces)) }
      .filter { !$0.text.isEmpty && !$0.text.hasPrefix("#") }
    guard let first = lines.first else { throw ComparisonFileError.empty(url.path) }
    func wrong(_ line: Int, _ reason: String) -> ComparisonFileError { .line(url.path, line, reason) }

    let header = ComparisonFile.fields(first.text).map { $0.lowercased() }
    if let prompt = header.firstIndex(of: "prompt"), let className = header.firstIndex(of: "class") {
      entries = try lines.dropFirst().compactMap { number, line in
        let fields = ComparisonFile.fields(line)
        guard fields.count == header.count else {
          throw wrong(number, "\(fields.count) fields, the header has \(header.count)")
        }
        // A file for drawing may also have lines of words or of a class alone: there is nothing to compare in them.
        guard !fields[prompt].isEmpty, !fields[className].isEmpty else { return nil }
        return Entry(prompt: fields[prompt], className: fields[className])
      }
    } else {
      entries = try lines.map { number, line in
        guard let mark = line.range(of: " --class ") else {
          throw wrong(number, "no class: write 'a red fox in snow --class fox'")
        }
        return Entry(
          prompt: line[..<mark.lowerBound].trimmingCharacters(in: .whitespaces),
          className: line[mark.upperBound...].trimmingCharacters(in: CharacterSet(charactersIn: " \"'")))
      }
    }
    guard !entries.isEmpty else { throw ComparisonFileError.empty(url.path) }
  }

  /// A line of CSV; quotes hold commas, and two quotes are one.
  static func fields(_ line: String) -> [String] {
    var fields = [""]
    var quoted = false
    var previous: Character?
    for character in line {
      if character == "\"" {
        if !quoted, previous == "\"" { fields[fields.count - 1].append("\"") }
        quoted.toggle()
      } else if character == ",", !quoted {
        fields.append("")
      } else {
        fields[fields.count - 1].append(character)
      }
      previous = character
    }
    return fields.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

package enum ComparisonFileError: UserError {
  case unreadable(String), notText(String), empty(String)
  case line(String, Int, String)

  package var kind: UserErrorKind {
    switch self {
    case .unreadable: .notFound
    case .notText, .empty, .line: .damagedData
    }
  }

  package var description: String {
    switch self {
    case .unreadable(let path): "\(path): cannot be read"
    case .notText(let path): "\(path): not UTF-8 text"
    case .empty(let path): "\(path): no line with both a prompt and a class"
    case .line(let path, let line, let reason): "\(path):\(line): \(reason)"
    }
  }
}
