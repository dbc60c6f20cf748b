import CPNG
import Foundation
import Image
import Testing

@Suite struct TemporaryFilesTests {
  @Test func removesWhatIsHeldAndNothingElse() async {
    // In a process of its own: in this one other tests are writing files.
    await #expect(processExitsWith: .success) {
      try Self.removesWhatIsHeld()
    }
  }

  static func removesWhatIsHeld() throws {
    let folder = try Folder()
    for name in ["held", "forgotten"] { try Data().write(to: folder(name)) }
    let held = cpng_temporary_add(folder("held").path)
    let forgotten = cpng_temporary_add(folder("forgotten").path)
    #expect(held >= 0 && forgotten >= 0 && held != forgotten)
    cpng_temporary_forget(forgotten)
    TemporaryFiles.removeAll()
    cpng_temporary_forget(held)
    #expect(folder.names == ["forgotten"])
    #expect(cpng_temporary_add(String(repeating: "x", count: 5000)) == -1)
  }
}
