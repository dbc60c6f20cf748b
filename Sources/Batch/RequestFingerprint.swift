import DiTCheckpoints
import DiTFiles
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation

/// A hash of everything a picture depends on: the request, how it is computed, and the model's files.
struct RequestFingerprint {
  private let model: String

  /// - Throws: `FileError` where the model's files cannot be read.
  init(_ folder: ModelFolder) throws {
    let weights = [folder.weights, folder.text?.weights, folder.text?.tokenizer, folder.autoencoderURL].compactMap { $0 }
    let files = weights.flatMap { RequestFingerprint.files(in: $0) }
      + RequestFingerprint.files(in: folder.url).filter { $0.name.hasSuffix(".json") }
    // Names and not paths: another machine may have the model elsewhere.
    model = sha256(Array(try files.map { "\($0.name) \(try RequestFingerprint.sample($0.url))\n" }.joined().utf8))
  }

  /// The regular files in a folder, or the file itself.
  private static func files(in url: URL) -> [(name: String, url: URL)] {
    let names = FileManager.default.enumerator(atPath: url.path)?.compactMap { $0 as? String }.sorted() ?? []
    let all = names.isEmpty ? [(url.lastPathComponent, url)] : names.map { ($0, url.appendingPathComponent($0)) }
    return all.map { ($0.0, $0.1.resolvingSymlinksInPath()) }.filter { _, url in
      var status = stat()
      return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
  }

  /// - Parameter parameters: the picture's metadata. The request itself is hashed too, for what metadata leaves out.
  func of(_ request: GenerationRequest, parameters: GenerationParameters) -> String {
    String(sha256(Array("\(model)\n\(parameters.text)\n\(request)".utf8)).prefix(32))
  }

  /// The length and some blocks of a file: training moves every weight, so that a few tell as much as all, in no time.
  private static func sample(_ url: URL) throws -> String {
    guard let file = fopen(url.path, "rb") else {
      throw FileError.unreadable(path: url.path, reason: String(cString: strerror(errno)))
    }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let length = ftell(file)
    let blockSize = 1 << 14
    let blocks = min(64, length / blockSize + 1)
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: blockSize)
    for index in 0..<blocks {
      fseek(file, max(0, (length - blockSize)) / max(1, blocks - 1) * index, SEEK_SET)
      bytes += block[..<fread(&block, 1, block.count, file)]
    }
    return "\(length) \(sha256(bytes))"
  }
}
