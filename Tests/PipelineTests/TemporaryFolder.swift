import Foundation
import DiTTestSupport

extension TemporaryFolder {
  func write(_ text: String, to name: String) throws {
    try FileManager.default.createDirectory(
      at: file(name).deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file(name))
  }

  func copy(_ source: URL, to name: String) throws {
    try FileManager.default.createDirectory(
      at: file(name).deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(contentsOf: source.resolvingSymlinksInPath()).write(to: file(name))
  }
}
