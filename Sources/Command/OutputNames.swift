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
  /// Of JPEG and WebP; nil: nobody asked for one.
  private let quality: Int?
  private let output: String?

  init(_ output: String?, prompt: String, className: String?, quality: Int? = nil) {
    (self.output, self.quality) = (output, quality)
    var isFolder: ObjCBool = false
    let exists = output.map { FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) } ?? false
    isStandardOutput = output == "-"
    if let output, !output.hasSuffix("/"), !(exists && isFolder.boolValue) {
      let url = URL(fileURLWithPath: output)
      folder = url.deletingLastPathComponent()
      let isPicture = PictureFormat(ending: url.pathExtension) != nil
      base = isPicture ? url.deletingPathExtension().lastPathComponent : url.lastPathComponent
      // Something there already without the ending (a device, a pipe) is meant as it is.
      ending = isPicture ? ".\(url.pathExtension)" : exists ? "" : ".png"
      named = true
    } else {
      folder = URL(fileURLWithPath: output ?? ".")
      base = slug([prompt, className ?? ""].joined(separator: " "))
      ending = ".png"
      named = false
    }
  }

  /// Fails early where nothing can be written, rather than after drawing. A folder that is not there yet is made when the
  /// first picture is.
  func checkFolder() throws {
    if isStandardOutput {
      if isatty(STDOUT_FILENO) == 1 { throw ValidationError("--output -: a picture is nothing for a terminal; send it on") }
      if quality != nil { throw ValidationError("--output -: standard output takes PNG, which has no quality") }
      return
    }
    try Self.check(file: named ? output ?? "" : "", quality: quality)
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

  /// Fails early where the format has no room for what a picture says of itself, as JPEG for a prompt of 32,000 letters.
  func check(texts: [PNGText]) throws {
    let format = PictureFormat(ending: String(ending.dropFirst())) ?? .png
    _ = try Picture(width: 1, height: 1).encoded(as: format, texts: texts)
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
      try picture.write(to: url, texts: texts, quality: quality ?? PictureFormat.defaultQuality, replacing: true)
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

  /// - Parameter file: what the user named; empty: nothing.
  /// - Throws: where its ending is of a format that is not written, or a quality is given for one that has none.
  static func check(file: String, quality: Int?) throws {
    let ending = URL(fileURLWithPath: file).pathExtension.lowercased()
    if PictureFormat.foreignEndings.contains(ending), !isDevice(file) { throw ImageError.ending(path: file) }
    if quality != nil, PictureFormat(ending: ending)?.hasQuality != true {
      throw ValidationError("--quality is for files called .jpg or .webp; PNG keeps every pixel as it is")
    }
  }

  /// Something there that is no file: a terminal, a pipe.
  private static func isDevice(_ file: String) -> Bool {
    let type = try? FileManager.default.attributesOfItem(atPath: file)[.type] as? FileAttributeType
    return type != nil && type != .typeRegular
  }

  /// "fox.jpg": "fox" and ".jpg", which is ".png" for a name without the ending of a picture.
  static func split(_ file: String) -> (stem: String, ending: String) {
    let ending = URL(fileURLWithPath: file).pathExtension
    guard PictureFormat(ending: ending) != nil else { return (file, ".png") }
    return (String(file.dropLast(ending.count + 1)), "." + ending)
  }
}
