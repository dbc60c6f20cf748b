import DiTBatch
import DiTErrors
import DiTFiles
import Foundation

/// Where captions come from: `NAME.txt` beside the picture (as kohya's scripts read it), the folder's table, one for all, or a
/// file name that is words. The first that there is counts.
package struct CaptionSources: Sendable {
  /// Of all pictures without one of their own.
  private let forAll: String?
  /// Which of a text's words the model does not know; nil where nobody can tell.
  private let unknown: (@Sendable (String) -> [String])?

  /// Characters; no model reads more.
  static let longest = 1000

  package init(forAll: String? = nil, unknown: (@Sendable (String) -> [String])? = nil) throws {
    self.forAll = try forAll.flatMap { try Self.checked($0, path: "--caption") }
    self.unknown = unknown
  }

  static func textFile(of picture: URL) -> URL { picture.deletingPathExtension().appendingPathExtension("txt") }

  func caption(of picture: URL, in table: CaptionTable?) throws -> String? {
    let text = Self.textFile(of: picture)
    if FileManager.default.fileExists(atPath: text.path) {
      let bytes = try bytes(of: text, limit: 1 << 16)
      guard let caption = String(validating: bytes, as: UTF8.self) else {
        throw TeachingError.caption(path: text.relativePath, reason: "not valid UTF-8")
      }
      if let caption = try Self.checked(caption, path: text.relativePath) { return caption }
    }
    if let caption = table?[picture.lastPathComponent] { return try Self.checked(caption, path: picture.relativePath) }
    return forAll ?? words(of: picture)
  }

  /// - Parameter text: what was sent with the picture.
  func caption(_ text: String?, of picture: URL) throws -> String? {
    if let text, let caption = try Self.checked(text, path: picture.relativePath) { return caption }
    return forAll ?? words(of: picture)
  }

  /// One line, without what a terminal would act on; nil where it is empty.
  private static func checked(_ text: String, path: String) throws -> String? {
    guard text.count <= longest, !CombiningMarks.areTooMany(in: text.unicodeScalars) else {
      throw TeachingError.caption(path: path, reason: "a caption of more than \(longest) characters")
    }
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard line.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
      throw TeachingError.caption(path: path, reason: "a control character in the caption")
    }
    return line.isEmpty ? nil : line
  }

  /// What cameras and programs call their files.
  private static let machineNames: Set = [
    "image", "img", "picture", "photo", "scan", "screenshot", "untitled", "download", "unnamed", "output", "file",
  ]

  /// "red-fox-02.png" is a red fox, "IMG_2041.jpg" is nothing.
  private func words(of picture: URL) -> String? {
    let stem = picture.deletingPathExtension().lastPathComponent
    let words = stem.split { "-_ .".contains($0) }.filter { !$0.allSatisfy(\.isNumber) }
    let areWords = words.allSatisfy { word in
      word.allSatisfy(\.isLetter) && word.contains { "aeiouyAEIOUY".contains($0) || !$0.isASCII } && word.count <= 24
    }
    let text = words.joined(separator: " ").lowercased()
    // "a.png" is a letter.
    guard words.contains(where: { $0.count > 2 }), areWords, stem.count <= 200, !Self.machineNames.contains(text) else {
      return nil
    }
    guard let unknown else { return text }
    return unknown(text).isEmpty ? text : nil
  }
}

/// `metadata.jsonl` or `metadata.csv` of a folder, as data sets have it: `file_name` and `text`.
package struct CaptionTable: Sendable {
  private var captions: [String: String] = [:]

  /// What it may be called.
  static let names = ["metadata.jsonl", "metadata.csv"]

  /// - Throws: `BatchError` for a bad line; without a table there are no captions.
  init(in folder: URL) throws {
    for name in Self.names {
      let url = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: url.path) else { continue }
      let file = PromptFile(name: url.relativePath, bytes: try bytes(of: url, limit: 16 << 20))
      if let problem = file.problems.first { throw BatchError.badLine(file: file.name, problem) }
      for line in file.lines {
        let option = line.options.first { $0.hasPrefix("--file-name=") }
        guard let picture = option?.dropFirst("--file-name=".count), let text = line.prompt else { continue }
        captions[String(picture)] = text
      }
    }
  }

  subscript(file: String) -> String? { captions[file] }

  /// Of the pictures that have one.
  var names: Set<String> { Set(captions.keys) }
}
