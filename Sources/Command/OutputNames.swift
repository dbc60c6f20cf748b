import ArgumentParser
import DiTFiles
import DiTImage
import Foundation

/// Where pictures go: the file the user names, standard output, or a file named after the prompt that is not there yet.
struct OutputNames {
  private let folder: URL
  private let base: String
  private let ending: String
  /// The user named this very file, so it may be replaced.
  private let named: Bool
  /// `-`: the picture goes to standard output, and what is said about it to standard error.
  let isStandardOutput: Bool

  init(_ output: String?, prompt: String, className: String?) {
    var isFolder: ObjCBool = false
    let exists = output.map { FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) } ?? false
    isStandardOutput = output == "-"
    if let output, !output.hasSuffix("/"), !(exists && isFolder.boolValue) {
      let url = URL(fileURLWithPath: output)
      folder = url.deletingLastPathComponent()
      let isPNG = url.pathExtension.lowercased() == "png"
      base = isPNG ? url.deletingPathExtension().lastPathComponent : url.lastPathComponent
      // Something there already without the ending (a device, a pipe) is meant as it is.
      ending = exists && !isPNG ? "" : ".png"
      named = true
    } else {
      folder = URL(fileURLWithPath: output ?? ".")
      base = OutputNames.slug([prompt, className ?? ""].joined(separator: " "))
      ending = ".png"
      named = false
    }
  }

  /// Fails early where nothing can be written, rather than after drawing. A folder that is not there yet is made when the
  /// first picture is.
  func checkFolder() throws {
    if isStandardOutput {
      if isatty(STDOUT_FILENO) == 1 { throw ValidationError("--output -: a picture is nothing for a terminal; send it on") }
      return
    }
    var existing = folder.standardizedFileURL
    var isFolder: ObjCBool = false
    while !FileManager.default.fileExists(atPath: existing.path, isDirectory: &isFolder), existing.path != "/" {
      existing.deleteLastPathComponent()
    }
    guard isFolder.boolValue else { throw FileError.unwritable(path: existing.path, reason: "it is no folder") }
    guard access(existing.path, W_OK) == 0 else {
      throw FileError.unwritable(path: existing.path, reason: String(cString: strerror(errno)))
    }
  }

  /// Writes a picture and says to which file.
  /// - Parameter number: of several pictures of one prompt.
  func write(_ picture: Picture, texts: [PNGText], number: Int?) throws -> String {
    if isStandardOutput {
      Terminal.print(try PNG.encode(picture, texts: texts))
      return "-"
    }
    try makeFolder()
    if named {
      let url = folder.appendingPathComponent((number.map { "\(base)-\($0)" } ?? base) + ending)
      try picture.write(to: url, texts: texts, replacing: true)
      return shown(url)
    }
    // The next number that is free: of one picture the first has none.
    for attempt in (number ?? 1)...1_000_000 {
      let url = folder.appendingPathComponent(number == nil && attempt == 1 ? "\(base).png" : "\(base)-\(attempt).png")
      if try writeNew(picture, texts, to: url) { return shown(url) }
    }
    throw FileError.exists(path: folder.appendingPathComponent("\(base).png").path)
  }

  private func makeFolder() throws {
    guard !FileManager.default.fileExists(atPath: folder.path) else { return }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw FileError.unwritable(path: folder.path, reason: "the folder cannot be made")
    }
  }

  /// False where a file of that name is there already.
  private func writeNew(_ picture: Picture, _ texts: [PNGText], to url: URL) throws -> Bool {
    do {
      try picture.write(to: url, texts: texts, replacing: false)
      return true
    } catch FileError.exists {
      return false
    }
  }

  private func shown(_ url: URL) -> String {
    let here = FileManager.default.currentDirectoryPath
    return !here.isEmpty && url.path.hasPrefix(here + "/") ? String(url.path.dropFirst(here.count + 1)) : url.path
  }

  /// "a red fox in snow" -> "a-red-fox-in-snow"; letters and digits of any script, at most 60 characters.
  static func slug(_ text: String) -> String {
    let words = text.lowercased().split { !($0.isLetter || $0.isNumber) }
    var result = ""
    for word in words where result.utf8.count + word.utf8.count < 100 {
      if result.count + word.count > 60 { break }
      result += (result.isEmpty ? "" : "-") + word
    }
    return result.isEmpty ? String(words.first?.prefix(20) ?? "picture") : result
  }
}
