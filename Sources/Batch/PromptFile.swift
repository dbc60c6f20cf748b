import DiTCheckpoints
import DiTErrors
import DiTFiles
import Foundation

/// A file of prompts: plain text, JSONL, JSON or CSV (with commas, semicolons or tabs). Reading goes on after a bad line, so that one look finds all of them.
package struct PromptFile: Sendable {
  package enum Format: String, Sendable {
    case text, jsonl, json, csv
  }

  /// As the user names it, for messages.
  package let name: String
  /// Where the paths in its lines begin: the file's folder, or of standard input the current one.
  package let folder: URL
  package let format: Format
  /// The fields of a table in the order in which they turn up, and the options that they are; nil for names that no option
  /// can have, and for another name of what a field gives already.
  package var columns: [(field: String, option: String?)] { found.columns }
  private var found = FoundColumns()
  package private(set) var lines: [PromptLine] = []
  package private(set) var problems: [PromptProblem] = []

  /// Longer lines are refused: no model reads a hundredth of it.
  static let longestLine = 65_536
  static let largestFile = 256 << 20

  /// - Parameter path: `-` reads standard input.
  /// - Throws: ``BatchError/unreadable(path:reason:)``, or `LoadError` for what lies in its place; bad lines are ``problems``.
  package init(path: String) throws {
    let name = path == "-" ? "standard input" : path
    let folder = path == "-" ? nil : URL(fileURLWithPath: path).deletingLastPathComponent()
    try self.init(name: name, bytes: PromptFile.read(path == "-" ? "/dev/stdin" : path, name), folder: folder)
  }

  /// - Parameter name: its extension tells the format; without a known one, the content does.
  package init(name: String, bytes: [UInt8], folder: URL? = nil) {
    self.name = name
    self.folder = folder ?? URL(fileURLWithPath: FileManager.default.currentDirectoryPath, isDirectory: true)
    var rest = bytes[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    format = PromptFile.format(name, rest)
    if rest.starts(with: [0xFF, 0xFE]) || rest.starts(with: [0xFE, 0xFF]) {
      problems.append(PromptProblem(line: 1, reason: "the file is UTF-16; save it as UTF-8"))
      return
    }
    switch format {
    case .text: readLines(rest, PlainPrompts.line)
    case .jsonl:
      var found = FoundColumns()
      readLines(rest) { text, number throws(LineError) in
        try JSONPrompts.line(text, number: number) { found.add($0) }
      }
      self.found = found
    case .json:
      JSONPrompts.read(rest, columns: { found.add($0) }, line: { lines.append($0) }, problem: { problems.append($0) })
    case .csv:
      CSVPrompts.read(rest, header: { found.add($0) }, line: { lines.append($0) }, problem: { problems.append($0) })
    }
  }

  private struct FoundColumns {
    private(set) var columns: [(field: String, option: String?)] = []
    private var seen: Set<[String?]> = []

    /// More than a thousand are no table: options beyond that stay in their lines, where they are unknown.
    mutating func add(_ new: [(field: String, option: String?)]) {
      for column in new where columns.count < 1000 && seen.insert([column.field, column.option]).inserted {
        columns.append(column)
      }
    }
  }

  private mutating func readLines(
    _ bytes: ArraySlice<UInt8>, _ parse: (String, Int) throws(LineError) -> PromptLine?
  ) {
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      do throws(LineError) {
        if let parsed = try parse(text(of: line), index + 1) { lines.append(parsed) }
      } catch {
        problems.append(PromptProblem(line: index + 1, reason: error.reason))
      }
    }
  }

  private static func format(_ name: String, _ bytes: ArraySlice<UInt8>) -> Format {
    let fileExtension = URL(fileURLWithPath: name).pathExtension.lowercased()
    switch fileExtension {
    case "csv", "tsv", "tab": return .csv
    case "json": return .json
    default: break
    }
    for line in bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 100) {
      guard let text = try? text(of: line.prefix(longestLine)), !text.isEmpty, !text.hasPrefix("#") else { continue }
      // Nobody draws a lone brace: an object over several lines, or an array.
      if text == "{" || text == "[" || text.prefixMatch(of: /\[\s*(\{\s*"|")/) != nil { return .json }
      if fileExtension == "jsonl" || fileExtension == "ndjson" || text.prefixMatch(of: /\{\s*"/) != nil { return .jsonl }
      let isTable = [",", ";", "\t"].contains { separator in
        let columns = text.split(separator: separator).map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
        let isNamed = columns.contains("prompt") || columns.contains("prompts")
        return columns.count > 1 && isNamed && (separator == "\t" || !columns.contains { $0.contains(" ") })
      }
      return isTable ? .csv : .text
    }
    return fileExtension == "jsonl" || fileExtension == "ndjson" ? .jsonl : .text
  }

  private static func read(_ path: String, _ name: String) throws -> [UInt8] {
    func failure(_ reason: String) -> BatchError { .unreadable(path: name, reason: reason) }
    guard let file = fopen(path, "rb") else { throw failure(String(cString: strerror(errno))) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 18)
    while case let count = fread(&block, 1, block.count, file), count > 0 {
      bytes += block[..<count]
      guard bytes.count <= largestFile else { throw failure("more than \(largestFile >> 20) MB; split it") }
    }
    guard ferror(file) == 0 else { throw failure(String(cString: strerror(errno))) }
    if let reason = placeholder(bytes) { throw LoadError.malformed(file: name, reason: reason) }
    return bytes
  }
}

/// Why a line is bad, before its number is added.
struct LineError: Error {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

/// The text of a line without white space around it.
func text(of line: ArraySlice<UInt8>) throws(LineError) -> String {
  guard line.count <= PromptFile.longestLine else {
    throw LineError("\(line.count) bytes; a line may have \(PromptFile.longestLine)")
  }
  guard let text = String(validating: line, as: UTF8.self) else { throw LineError("not valid UTF-8") }
  let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
  try checkCharacters(trimmed, allowing: ["\t"])
  return trimmed
}

/// A picture's prompt goes to terminals, file names and metadata: nothing may hide in it.
func checkCharacters(_ text: String, allowing allowed: [Unicode.Scalar] = ["\t", "\n", "\r"]) throws(LineError) {
  for scalar in text.unicodeScalars where scalar.properties.generalCategory == .control && !allowed.contains(scalar) {
    throw LineError("a control character, U+" + String(format: "%04X", scalar.value))
  }
  guard !CombiningMarks.areTooMany(in: text.unicodeScalars) else { throw LineError(CombiningMarks.tooMany) }
}
