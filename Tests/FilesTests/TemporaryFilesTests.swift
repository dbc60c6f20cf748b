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
}
