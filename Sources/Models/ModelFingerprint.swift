import DiTCheckpoints
import DiTFiles
import Foundation

/// Tells the weights of one model from those of another, wherever either lies.
package struct ModelFingerprint: Sendable, Equatable {
  /// SHA-256 in hexadecimal, of the lengths and some blocks of all files that a picture depends on.
  package let hash: String
  /// What pictures carry: as many digits as other programs write.
  package var short: String { String(hash.prefix(10)) }

  /// - Throws: `FileError` where the model's files cannot be read.
  package init(_ folder: ModelFolder) throws {
    var parts: [(name: String, url: URL?)] = [
      ("transformer", folder.weights), ("text encoder", folder.text?.weights), ("tokenizer", folder.text?.tokenizer),
      ("autoencoder", folder.autoencoderURL),
    ]
    parts += folder.captions?.weights.map { ($0.name, $0.url) } ?? []
    var files = try parts.flatMap { part in
      try part.url.map { try ModelFingerprint.files(in: $0) }.map { $0.map { ("\(part.name) \($0.name)", $0.url) } } ?? []
    }
    files += try ModelFingerprint.files(in: folder.url).filter { ModelFingerprint.isDescription($0.name) }
    // Names within the model and not paths: another machine may have it elsewhere, and a single file may be renamed.
    hash = sha256(Array(try files.map { "\($0.0) \(try ModelFingerprint.sample($0.1))\n" }.joined().utf8))
  }

  /// Of files that are no model, an adapter's say: their names do not count.
  static func hash(of files: [URL]) throws -> String { sha256(Array(try files.map(sample).joined(separator: "\n").utf8)) }

  /// Of the files in a model's folder that are no weights; others, such as its goldens, change no picture. Nor
  /// does what is said of pictures, and what was calibrated is in their own settings.
  private static func isDescription(_ name: String) -> Bool {
    guard ![CacheSettings.fileName, ModelLimits.fileName].contains(name) else { return false }
    let parts = name.split(separator: "/")
    return name.hasSuffix(".json") && (parts.count == 1 || parts[0] == "scheduler" || parts[0] == "tokenizer")
  }

  /// The regular files in a folder by name, or the file itself, which needs none. Hidden ones, `.git` say, are passed over.
  private static func files(in url: URL) throws -> [(name: String, url: URL)] {
    let url = url.resolvingSymlinksInPath()
    let all = kind(of: url) == S_IFDIR ? try entries(of: url).sorted().map { ($0, url.appendingPathComponent($0)) } : [("", url)]
    return all.map { ($0.0, $0.1.resolvingSymlinksInPath()) }.filter { kind(of: $0.1) == S_IFREG }
  }

  /// What is in a folder and in those within it, but for linked ones.
  private static func entries(of folder: URL) throws -> [String] {
    try names(in: folder).filter { !$0.hasPrefix(".") }.flatMap { name in
      let url = folder.appendingPathComponent(name)
      return kind(of: url) == S_IFDIR ? try entries(of: url).map { "\(name)/\($0)" } : [name]
    }
  }

  /// `S_IFREG`, `S_IFDIR`, … of the file itself or of the link.
  private static func kind(of url: URL) -> mode_t {
    var status = stat()
    return lstat(url.path, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  /// The length and some blocks of a file, its first and last among them: training changes every weight, so sampling blocks suffices.
  private static func sample(_ url: URL) throws -> String {
    guard kind(of: url.resolvingSymlinksInPath()) == S_IFREG else {
      throw FileError.unreadable(path: url.path, reason: "not a regular file")
    }
    guard let file = fopen(url.path, "rb") else {
      throw FileError.unreadable(path: url.path, reason: String(cString: strerror(errno)))
    }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let length = ftell(file)
    let blockSize = 1 << 12
    let blocks = min(64, length / blockSize + 1)
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: blockSize)
    for index in 0..<blocks {
      fseek(file, max(0, length - blockSize) * index / max(1, blocks - 1), SEEK_SET)
      bytes += block[..<fread(&block, 1, block.count, file)]
    }
    return "\(length) \(sha256(bytes))"
  }
}
