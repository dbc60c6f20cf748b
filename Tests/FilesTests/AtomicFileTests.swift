import DiTFiles
import Foundation
import DiTTestSupport
import Testing

@Suite struct AtomicFileTests {
  @Test func writesReplacesAndRefuses() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("a")
    let (first, second): ([UInt8], [UInt8]) = (Array(repeating: 1, count: 300_000), [2, 3])
    try AtomicFile.write(first, to: url, replacing: false)
    #expect(try readFile(url) == first)
    #expect(throws: FileError.exists(path: url.path)) { try AtomicFile.write(second, to: url, replacing: false) }
    #expect(try readFile(url) == first)
    try AtomicFile.write(second, to: url)
    #expect(try readFile(url) == second)
    #expect(folder.names == ["a"])
    let mode = try #require(FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? Int)
    let mask = umask(0)
    umask(mask)
    #expect(mode == 0o644 & ~Int(mask))
  }

  @Test func endlessFilesAreRefused() throws {
    #expect(throws: FileError.unreadable(path: "/dev/zero", reason: "more than 1000000 bytes")) {
      try readFile(URL(fileURLWithPath: "/dev/zero"), limit: 1_000_000)
    }
  }

  @Test func writesInPieces() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write([9], to: folder.file("a"))
    let file = try AtomicFile(folder.file("a"))
    for piece: [UInt8] in [[1, 2], [], [3]] { try piece.withUnsafeBytes { bytes in try file.write(bytes) } }
    #expect(try readFile(folder.file("a")) == [9])
    #expect(folder.names.count == 2)
    try file.commit()
    #expect(try readFile(folder.file("a")) == [1, 2, 3])
    #expect(folder.names == ["a"])
  }

  @Test func whatIsNotCommittedGoes() throws {
    let folder = try TemporaryFolder()
    func begin() throws {
      let file = try AtomicFile(folder.file("a"))
      try [1, 2, 3].withUnsafeBytes { bytes in try file.write(bytes) }
      #expect(folder.names.count == 1 && folder.names[0].hasPrefix(".dit-t2i-") && folder.names[0].hasSuffix(".tmp"))
    }
    try begin()
    #expect(folder.names.isEmpty)
  }

  @Test func onlyOneOfManyWinsAName() async throws {
    let folder = try TemporaryFolder()
    let url = folder.file("race.png")
    let winners = await withTaskGroup(of: Int?.self) { group in
      for i in 0..<16 {
        group.addTask {
          let bytes = [UInt8](repeating: UInt8(i), count: 1000)
          return (try? AtomicFile.write(bytes, to: url, replacing: false)) == nil ? nil : i
        }
      }
      return await group.reduce(into: [Int]()) { if let winner = $1 { $0.append(winner) } }
    }
    #expect(winners.count == 1)
    #expect(try Data(contentsOf: url) == Data(repeating: UInt8(winners.first ?? 99), count: 1000))
    #expect(folder.names == ["race.png"])
  }

  @Test func failuresNameThePathAndTheReason() throws {
    let folder = try TemporaryFolder()
    let nowhere = folder.file("no/such/a.png")
    let missing = #expect(throws: FileError.self) { try AtomicFile.write([1], to: nowhere) }
    #expect(missing?.description == "cannot write \(nowhere.path): No such file or directory")
    try FileManager.default.createDirectory(at: folder.file("sub"), withIntermediateDirectories: false)
    #expect(throws: FileError.unwritable(path: folder.file("sub").path, reason: "Is a directory")) {
      try AtomicFile.write([1], to: folder.file("sub"))
    }
    let long = folder.file(String(repeating: "n", count: 300))
    #expect(throws: FileError.unwritable(path: long.path, reason: "File name too long")) {
      try AtomicFile.write([1], to: long)
    }
    #expect(folder.names == ["sub"])
  }

  #if os(Linux)
    @Test func aFullDiskIsAnError() throws {
      #expect(throws: FileError.unwritable(path: "/dev/full", reason: "No space left on device")) {
        try AtomicFile.write([1, 2, 3], to: URL(fileURLWithPath: "/dev/full"))
      }
      try AtomicFile.write([1, 2, 3], to: URL(fileURLWithPath: "/dev/null"))
    }
  #endif

  @Test func linksAreFollowed() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write([1], to: folder.file("real"))
    try FileManager.default.createSymbolicLink(at: folder.file("link"), withDestinationURL: folder.file("real"))
    try AtomicFile.write([2], to: folder.file("link"))
    #expect(try Data(contentsOf: folder.file("real")) == Data([2]))
    #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link").path)) != nil)
  }

  @Test func aLinkUnderANameOfTheProgramIsReplaced() throws {
    let folder = try TemporaryFolder()
    for name in ["real", "gone"] {
      if name == "real" { try AtomicFile.write([1], to: folder.file("real")) }
      try FileManager.default.createSymbolicLink(at: folder.file("link"), withDestinationURL: folder.file(name))
      try AtomicFile.write([2], to: folder.file("link"), followingLinks: false)
      #expect(try Data(contentsOf: folder.file("link")) == Data([2]))
      #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link").path)) == nil)
      #expect(try Data(contentsOf: folder.file("real")) == Data([1]))
      try FileManager.default.removeItem(at: folder.file("link"))
    }
    #expect(folder.names == ["real"])
  }

  /// As in /tmp, where anybody may have put a link under the name.
  @Test(.enabled(if: geteuid() == 0)) func somebodyElsesLinkIsNotFollowed() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write([1], to: folder.file("real"))
    try FileManager.default.createSymbolicLink(at: folder.file("link"), withDestinationURL: folder.file("real"))
    #expect(lchown(folder.file("link").path, 12345, 12345) == 0 && chmod(folder.url.path, 0o1777) == 0)
    #expect(throws: FileError.unwritable(path: folder.file("link").path, reason: "Permission denied")) {
      try AtomicFile.write([2], to: folder.file("link"))
    }
    #expect(try Data(contentsOf: folder.file("real")) == Data([1]))
    #expect(folder.names == ["link", "real"])
    #expect(chmod(folder.url.path, 0o755) == 0)
    try AtomicFile.write([2], to: folder.file("link"))
    #expect(try Data(contentsOf: folder.file("real")) == Data([2]))
  }
}
