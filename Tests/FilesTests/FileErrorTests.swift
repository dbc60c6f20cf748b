import DiTFiles
import DiTTestSupport
import Foundation
import Testing

/// What Foundation throws reaches nobody as it is.
@Suite struct FileErrorTests {
  @Test func readingAndWritingAreToldApart() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("file")
    try Data("x".utf8).write(to: file)
    let missing = #expect(throws: CocoaError.self) {
      try FileManager.default.contentsOfDirectory(atPath: folder.file("none").path)
    }
    #expect(
      try #require(missing.flatMap { FileError($0) })
        == .unreadable(path: folder.file("none").path, reason: "No such file or directory"))
    let occupied = #expect(throws: CocoaError.self) {
      try FileManager.default.createDirectory(at: file.appendingPathComponent("inner"), withIntermediateDirectories: true)
    }
    let unwritable = try #require(occupied.flatMap { FileError($0) })
    #expect(unwritable.kind == .cannotWrite && unwritable.description.contains(file.path))
    #expect(!unwritable.description.contains("NSCocoaErrorDomain"))
  }

  @Test func memoryIsCalledMemory() throws {
    let error = CocoaError(
      .fileReadUnknown, userInfo: [NSFilePathErrorKey: "/models/vae", NSUnderlyingErrorKey: POSIXError(.ENOMEM)])
    #expect(FileError(error) == .outOfMemory(path: "/models/vae"))
    #expect(FileError(CancellationError()) == nil)
  }
}
