import DiTCheckpoints
import Foundation
import DiTTestSupport
import Testing

@Suite struct PyTorchTests {
  static let cases = ManifestCase.all("pickle")

  @Test func manifestIsThere() { #expect(Self.cases.count > 40) }

  @Test(arguments: cases.filter(\.loads))
  func loads(_ golden: ManifestCase) throws {
    try golden.expectTensors(openCheckpoint(at: golden.url))
    expectNothingExecuted()
  }

  @Test(arguments: cases.filter { !$0.loads })
  func refuses(_ golden: ManifestCase) {
    expectRefusal(of: golden.url, golden.why) { _ = try openCheckpoint(at: golden.url) }
    expectNothingExecuted()
  }

  /// Whatever a pickle calls is named in the refusal, so that a user can judge it.
  @Test(arguments: cases.filter { $0.file.contains("system") || $0.file.contains("eval") || $0.file.contains("class") })
  func namesWhatItRefuses(_ golden: ManifestCase) {
    #expect {
      _ = try openCheckpoint(at: golden.url)
    } throws: { error in
      guard case LoadError.refused(_, let object) = error else { return false }
      return object.contains(".")
    }
  }

  @Test func choosesAndExposesDictionaries() throws {
    let url = Fixtures.url("files/pickle/good/training-checkpoint.pt")
    let file = try PyTorchFile(url)
    #expect(try file.dictionaries.sorted() == ["ema", "model"])
    let model = try file.checkpoint("model").tensor("w").array
    #expect(try file.checkpoint("ema").tensor("w").array != model)
    #expect(try openCheckpoint(at: url, dictionary: "model").tensor("w").array == model)
    expectRefusal(of: url, "no such dictionary") { _ = try file.checkpoint("optimiser") }
  }

  /// What the hostile fixtures would create if their pickles were executed.
  private func expectNothingExecuted() {
    #expect(!FileManager.default.fileExists(atPath: "/tmp/dit-t2i-pickle-was-executed"))
  }
}
