import Foundation
import Image
import Testing

@Suite struct AtomicFileTests {
  @Test func writesReplacesAndRefuses() throws {
    let folder = try Folder()
    let (first, second) = (Picture.random(4, 4, seed: 1), Picture.random(4, 4, seed: 2))
    try first.write(to: folder("a.png"), replacing: false)
    #expect(try Picture(contentsOf: folder("a.png")) == first)
    #expect(throws: ImageError.exists(path: folder("a.png").path)) {
      try second.write(to: folder("a.png"), replacing: false)
    }
    #expect(try Picture(contentsOf: folder("a.png")) == first)
    try second.write(to: folder("a.png"))
    #expect(try Picture(contentsOf: folder("a.png")) == second)
    #expect(folder.names == ["a.png"])
    let mode = try #require(
      FileManager.default.attributesOfItem(atPath: folder("a.png").path)[.posixPermissions] as? Int)
    let mask = umask(0)
    umask(mask)
    #expect(mode == 0o644 & ~Int(mask))
  }

  @Test func onlyOneOfManyWinsAName() async throws {
    let folder = try Folder()
    let url = folder("race.png")
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
    let folder = try Folder()
    let nowhere = folder("no/such/a.png")
    let missing = #expect(throws: ImageError.self) { try AtomicFile.write([1], to: nowhere) }
    #expect(missing?.description == "cannot write \(nowhere.path): No such file or directory")
    try FileManager.default.createDirectory(at: folder("sub"), withIntermediateDirectories: false)
    #expect(throws: ImageError.file(path: folder("sub").path, action: "write", reason: "Is a directory")) {
      try AtomicFile.write([1], to: folder("sub"))
    }
    let long = folder(String(repeating: "n", count: 300))
    #expect(throws: ImageError.file(path: long.path, action: "write", reason: "File name too long")) {
      try AtomicFile.write([1], to: long)
    }
    #expect(folder.names == ["sub"])
  }

  #if os(Linux)
    @Test func aFullDiskIsAnError() throws {
      #expect(throws: ImageError.file(path: "/dev/full", action: "write", reason: "No space left on device")) {
        try AtomicFile.write([1, 2, 3], to: URL(fileURLWithPath: "/dev/full"))
      }
      try AtomicFile.write([1, 2, 3], to: URL(fileURLWithPath: "/dev/null"))
    }
  #endif

  @Test func linksAreFollowed() throws {
    let folder = try Folder()
    try AtomicFile.write([1], to: folder("real"))
    try FileManager.default.createSymbolicLink(at: folder("link"), withDestinationURL: folder("real"))
    try AtomicFile.write([2], to: folder("link"))
    #expect(try Data(contentsOf: folder("real")) == Data([2]))
    #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: folder("link").path)) != nil)
  }
}
