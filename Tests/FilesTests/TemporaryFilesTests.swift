import DiTCFiles
import DiTFiles
import Foundation
import DiTTestSupport
import Testing

@Suite struct TemporaryFilesTests {
  @Test func removesWhatIsHeldAndNothingElse() async {
    // In a process of its own: in this one other tests are writing files.
    await #expect(processExitsWith: .success) {
      try Self.removesWhatIsHeld()
    }
  }

  static func removesWhatIsHeld() throws {
    let folder = try TemporaryFolder()
    for name in ["held", "forgotten"] { try Data().write(to: folder.file(name)) }
    let held = cfiles_temporary_add(folder.file("held").path)
    let forgotten = cfiles_temporary_add(folder.file("forgotten").path)
    #expect(held >= 0 && forgotten >= 0 && held != forgotten)
    cfiles_temporary_forget(forgotten)
    TemporaryFiles.removeAll()
    cfiles_temporary_forget(held)
    #expect(folder.names == ["forgotten"])
    let unfinished = try AtomicFile(folder.file("big.safetensors"))
    #expect(folder.names.count == 2)
    TemporaryFiles.removeAll()
    #expect(folder.names == ["forgotten"])
    withExtendedLifetime(unfinished) {}
    #expect(cfiles_temporary_add(String(repeating: "x", count: 5000)) == -1)
  }

  /// A process that ends without a word leaves its files; the next one that writes there removes them, and no others.
  @Test func whatIsLeftOfAnotherProcessGoes() throws {
    let folder = try TemporaryFolder()
    // Named by this kernel, as a killed process of it would have.
    let file = try AtomicFile(folder.file("a"))
    let subfolder = try AtomicFolder(folder.file("b"))
    let name = try #require(folder.names.first { !folder.isFolder($0) })
    let left = name.dropLast(8)
    try Data().write(to: folder.file("\(left)left.tmp"))
    try FileManager.default.createDirectory(at: folder.file("\(left)gone.tmp/c"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(at: folder.file("\(left)link.tmp"), withDestinationURL: folder.url)
    // Of another kernel, whose locks may not be seen here: one of now, one of the day before yesterday.
    for name in [".dit-t2i-0-new.tmp", ".dit-t2i-0-old.tmp", ".dit-t2i-notes", "mine.tmp"] {
      try Data().write(to: folder.file(name))
    }
    let dayBefore = Date(timeIntervalSinceNow: -2 * 86_400)
    try FileManager.default.setAttributes([.modificationDate: dayBefore], ofItemAtPath: folder.file(".dit-t2i-0-old.tmp").path)
    TemporaryFiles.sweep(folder.url.appendingPathComponent(".").path)
    let kept = [name, subfolder.url.lastPathComponent, "\(left)link.tmp", ".dit-t2i-0-new.tmp", ".dit-t2i-notes", "mine.tmp"]
    #expect(folder.names == kept.sorted())
    try file.commit()
    try subfolder.commit()
    #expect(folder.names.filter { !$0.hasPrefix(".") } == ["a", "b", "mine.tmp"])
  }

  @Test func aFolderAppearsWholeOrNotAtAll() throws {
    let folder = try TemporaryFolder()
    do {
      let lost = try AtomicFolder(folder.file("a"))
      try Data([1]).write(to: lost.url.appendingPathComponent("x"))
      let taken = try AtomicFolder(folder.file("b"))
      try Data([1]).write(to: folder.file("b"))
      #expect(throws: FileError.exists(path: folder.file("b").path)) { try taken.commit() }
      try FileManager.default.createDirectory(at: folder.file("c"), withIntermediateDirectories: false)
      let other = try AtomicFolder(folder.file("c"))
      #expect(throws: FileError.exists(path: folder.file("c").path)) { try other.commit() }
      #expect(throws: FileError.self) { try AtomicFolder(folder.file("nowhere/d")) }
    }
    #expect(folder.names == ["b", "c"])
    let whole = try AtomicFolder(folder.file("a"))
    try Data([1]).write(to: whole.url.appendingPathComponent("x"))
    try whole.commit()
    #expect(folder.names == ["a", "b", "c"])
    #expect(try readFile(folder.file("a/x")) == [1])
  }
}

extension TemporaryFolder {
  fileprivate func isFolder(_ name: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: file(name).path, isDirectory: &isFolder) && isFolder.boolValue
  }
}
