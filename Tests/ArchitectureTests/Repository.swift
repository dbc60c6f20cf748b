import DiTTestSupport
import Foundation

/// A stage as one of three places sees it: the table of docs/ARCHITECTURE.md, Package.swift, or the sources' imports.
struct Stage: Equatable {
  /// Its folder in Sources.
  let folder: String
  let module: String
  /// Folders for our own modules, names for those of other packages.
  let imports: Set<String>
}

/// Modules of the toolchain, which anybody may import.
let toolchain: Set<String> = ["Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Musl", "Synchronization"]

/// The files of this checkout that say what it is made of.
enum Repository {
  static func text(_ path: String) throws -> String {
    try String(contentsOf: Fixtures.repository.appendingPathComponent(path), encoding: .utf8)
  }

  /// Folders of Sources that hold anything.
  static func folders() throws -> [String] {
    let sources = Fixtures.repository.appendingPathComponent("Sources")
    return try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted().filter {
      !$0.hasPrefix(".") && FileManager.default.fileExists(atPath: sources.appendingPathComponent($0 + "/.").path)
    }
  }

  /// All Swift files below a folder, as paths below the repository; those of documentation belong to no module.
  static func swiftFiles(_ folder: String) -> [String] {
    let all = FileManager.default.enumerator(atPath: Fixtures.repository.appendingPathComponent(folder).path)
    return (all?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") && !$0.contains(".docc/") }.sorted()
      .map { "\(folder)/\($0)" }
  }

  /// The rows of the table whose head begins with `folder` and `module`.
  static func documentedStages(_ markdown: String) -> [Stage] {
    var rows: [Stage] = []
    var inside = false
    for line in markdown.split(separator: "\n", omittingEmptySubsequences: false) {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
      if cells.count > 2, cells[1] == "folder", cells[2] == "module" {
        inside = true
      } else if !line.hasPrefix("|") {
        inside = false
      } else if inside, cells.count == 6, !cells[1].hasPrefix("-") {
        rows.append(Stage(folder: code(cells[1])[0], module: code(cells[2])[0], imports: Set(code(cells[4]))))
      }
    }
    return rows
  }

  /// What stands between backquotes; the whole text where nothing does.
  private static func code(_ cell: String) -> [String] {
    let parts = cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
    let found = parts.filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    return found.isEmpty && cell != "–" ? [cell] : found
  }

  /// The targets of Package.swift whose path is below Sources, in its order; dependencies are named as it names them,
  /// without the prefix.
  static func packageStages(_ manifest: String) -> [Stage] {
    let calls = /(?:\bstage|\.target|\.executableTarget|\.systemLibrary)\(/
    let code = manifest.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }.joined(separator: "\n")
    guard let list = code.range(of: "\n  targets: [") else { return [] }
    let targets = code[list.upperBound...]
    return targets.matches(of: calls).compactMap { match in
      let call = balanced(targets[match.range.upperBound...])
      guard !call.contains(/\bsources:/) else { return nil }  // a part of a stage, for fuzzing
      let isStage = targets[match.range].hasPrefix("stage")
      guard let name = (isStage ? call.firstMatch(of: /"(\w+)"/) : call.firstMatch(of: /name: "(\w+)"/))?.1 else { return nil }
      let path = call.firstMatch(of: /path: "Sources\/(\w+)"/)?.1
      guard let folder = isStage ? name : path else { return nil }
      let module = isStage ? call.firstMatch(of: /module: "(\w+)"/).map { String($0.1) } ?? "DiT\(name)" : String(name)
      var imports: Set<String> = []
      let opening = isStage ? call.firstRange(of: "[") : call.firstRange(of: "dependencies: [")
      if let opening {
        let dependencies = call[opening.upperBound...].prefix { $0 != "]" }
        let names = dependencies.replacing(/package: "[^"]*"/, with: "").matches(of: /"(\w+)"/).map { String($0.1) }
        imports = Set(names.map { $0.hasPrefix("DiT") ? String($0.dropFirst(3)) : $0 })
      }
      return Stage(folder: String(folder), module: module, imports: imports)
    }
  }

  /// What stands before the parenthesis that closes the one before `text`.
  private static func balanced(_ text: Substring) -> Substring {
    var depth = 1
    return text.prefix { character in
      depth += character == "(" ? 1 : character == ")" ? -1 : 0
      return depth > 0
    }
  }

  /// The modules that a file imports, those of the toolchain left out.
  static func imports(_ source: String) -> Set<String> {
    let attributes = #"(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"#
    let kind = #"(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?"#
    guard let line = try? Regex("(?m)^\\s*\(attributes)import\\s+\(kind)(\\w+)", as: (Substring, Substring).self) else { return [] }
    return Set(source.matches(of: line).map { String($0.1) }).subtracting(toolchain)
  }
}
