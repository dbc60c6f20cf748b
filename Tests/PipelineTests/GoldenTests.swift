import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTVerification
import Foundation
import Testing

/// The forward passes of every transformer and text encoder against the references' own numbers, as `verify` runs them.
@Suite struct GoldenTests {
  @Test(arguments: ["pixart", "uvit", "dit-official", "dit-diffusers", "t5"], [Backend.Kind.native, .reference])
  func agrees(group: String, kind: Backend.Kind) throws {
    let verifier = try Verifier(Fixtures.root, backend: Backend(kind, precision: .f32, threads: 2))
    var rows: [VerificationRow] = []
    _ = verifier.run(groups: [group]) { rows.append($0) }
    #expect(rows.count > 5)
    for row in rows { #expect(row.passed, "\(row.name) \(row.what): \(row.note)") }
  }
}
