import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

@Suite struct SafetensorsTests {
  static let cases = ManifestCase.all("safetensors")

  @Test func manifestIsThere() { #expect(Self.cases.count > 40) }

  @Test(arguments: cases.filter(\.loads))
  func loads(_ golden: ManifestCase) throws {
    try golden.expectTensors(openCheckpoint(at: golden.url))
  }

  @Test(arguments: cases.filter { !$0.loads })
  func refuses(_ golden: ManifestCase) {
    expectRefusal(of: golden.url, golden.why) { _ = try openCheckpoint(at: golden.url) }
  }

  @Test func whatIsNoFileIsRefused() {
    let missing = Fixtures.url("files/no-such.safetensors")
    expectRefusal(of: missing, "no file") { _ = try openCheckpoint(at: missing) }
    let device = URL(fileURLWithPath: "/dev/zero")
    expectRefusal(of: device, "a device") { _ = try openCheckpoint(at: device) }
  }
}
