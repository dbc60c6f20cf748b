import Checkpoints
import Foundation
import Image

/// A hash of everything a picture depends on: the request, how it is computed, and the model's files.
struct RequestFingerprint {
  private let model: String

  /// - Throws: `ImageError` where the model's files cannot be read.
  init(_ folder: ModelFolder) throws {
    let names = FileManager.default.enumerator(atPath: folder.url.path)?.compactMap { $0 as? String } ?? []
    var summary = ""
    for name in names.sorted() {
      let url = folder.url.appendingPathComponent(name).resolvingSymlinksInPath()
      guard let sample = try RequestFingerprint.sample(url) else { continue }
      summary += "\(name) \(sample)\n"
    }
    model = sha256(Array(summary.utf8))
  }

  /// - Parameter parameters: the picture's metadata. The request itself is hashed too, for what metadata leaves out.
  func of(_ request: GenerationRequest, parameters: GenerationParameters) -> String {
    String(sha256(Array("\(model)\n\(parameters.text)\n\(request)".utf8)).prefix(32))
  }

  /// The length and some blocks of a file: training moves every weight, so that a few tell as much as all, in no time.
  private static func sample(_ url: URL) throws -> String? {
    var status = stat()
    guard stat(url.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    guard let file = fopen(url.path, "rb") else {
      throw ImageError.file(path: url.path, action: "read", reason: String(cString: strerror(errno)))
    }
    defer { fclose(file) }
    let length = Int(status.st_size)
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
