import Foundation
import DiTTestSupport

/// The program as a user runs it.
struct Program {
  struct Result {
    let status: Int32
    let output: String
    /// Without the note on sizes: tests draw at 64×64, where the bundled model says each time that it is too small.
    let errors: String
    /// Lines of standard error.
    var errorLines: [Substring] { errors.split(separator: "\n") }
  }

  /// Beside the test bundle, where `swift build` puts both.
  static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("dit-t2i")

  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("dit-t2i-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }

  /// Runs with `folder` as the working directory.
  func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Result {
    let process = try start(arguments, environment: environment)
    process.waitUntilExit()
    return Result(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self)
        .replacing(/dit-t2i: note: (line \d+: )?\S+ draws well from .*\n/) { _ in "" })
  }

  private var output: URL { folder.appendingPathComponent(".stdout") }
  private var errors: URL { folder.appendingPathComponent(".stderr") }

  /// The same, without waiting for its end.
  func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Process {
    let process = Process()
    process.executableURL = Program.executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    // Not what the person who runs the tests has taught.
    let own = ["XDG_DATA_HOME": folder.appendingPathComponent(".data").path]
    process.environment = ProcessInfo.processInfo.environment.merging(own) { $1 }.merging(environment) { $1 }
    for url in [output, errors] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    return process
  }

  func data(_ name: String) throws -> Data { try Data(contentsOf: folder.appendingPathComponent(name)) }

  /// Names in the folder, without the files this harness made.
  func files() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 != ".stdout" && $0 != ".stderr" }.sorted()
  }

  /// A model folder that is `small` but for what `change` does to it; unchanged files are links.
  func brokenModel(_ change: (URL) throws -> Void) throws -> String {
    let source = Fixtures.repository.appendingPathComponent("Weights/small")
    let copy = folder.appendingPathComponent("broken-\(UUID().uuidString)")
    for path in FileManager.default.enumerator(atPath: source.path)?.compactMap({ $0 as? String }) ?? [] {
      let from = source.appendingPathComponent(path), to = copy.appendingPathComponent(path)
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: from.path, isDirectory: &isFolder)
      if isFolder.boolValue {
        try FileManager.default.createDirectory(at: to, withIntermediateDirectories: true)
      } else {
        try FileManager.default.createDirectory(at: to.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(at: to, withDestinationURL: from.resolvingSymlinksInPath())
      }
    }
    try change(copy)
    return copy.path
  }
}
