import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTVerification
import Foundation
import Testing

/// The golden numbers in this repository, through the code that users run.
@Suite struct VerifierTests {
  /// Groups of the manifest whose arithmetic no backend does: once is enough.
  static let withoutBackend: Set<String> = [
    "samplers", "few-step", "dpm-singlestep", "tokenizer", "clip-tokenizer", "gemma-tokenizer", "rng", "image", "files",
  ]

  /// Every group with every backend, once.
  static let runs: [(group: String, kind: Backend.Kind)] = {
    guard let verifier = try? Verifier(Fixtures.root, backend: Backend(.native, precision: .f32, threads: 1)) else { return [] }
    return verifier.groupNames.flatMap { group in
      (withoutBackend.contains(group) ? [.native] : [Backend.Kind.native, .openblas, .reference]).map { (group, $0) }
    }
  }()

  @Test func everyGroupIsThere() {
    #expect(Set(Self.runs.map(\.group)).count >= 14)
    #expect(Self.withoutBackend.isSubset(of: Self.runs.map(\.group)))
  }

  @Test(arguments: runs)
  func agrees(group: String, kind: Backend.Kind) throws {
    let verifier = try Verifier(Fixtures.root, backend: Backend(kind, precision: .f32, threads: 2))
    var rows: [VerificationRow] = []
    let passed = verifier.run(groups: [group]) { rows.append($0) }
    for row in rows { #expect(row.passed, "\(row.name) \(row.what): \(row.note)") }
    #expect(passed && rows.count > 1)
  }

  @Test(arguments: [Precision.bf16, .int8])
  func fewerBitsStayWithinTheirTolerances(_ precision: Precision) throws {
    let verifier = try Verifier(Fixtures.root, backend: Backend(.native, precision: precision, threads: 2))
    var failed: [String] = []
    let groups: Set = ["text-dit", "t5", "schemes", "pixart", "sana", "clip-text", "uvit-t2i", "dc-ae", "gemma2"]
    _ = verifier.run(groups: groups) { row in
      if !row.passed { failed.append("\(row.name) \(row.what) \(row.comparison?.nmse ?? 0)") }
    }
    #expect(failed.isEmpty)
  }

  /// A copy of one case with a number changed, and with a kind nobody knows: both must fail.
  @Test func wrongNumbersAndUnknownKindsFail() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("verify-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder.appendingPathComponent("rng"), withIntermediateDirectories: true)
    for name in ["randn.safetensors", "randn.json"] {
      try FileManager.default.copyItem(at: Fixtures.url("rng/" + name), to: folder.appendingPathComponent("rng/" + name))
    }
    let manifest = #"{"groups": {"rng": {"cases": {"randn.safetensors": {"tolerance": {"max_abs": 3e-06}KIND}}}}}"#
    func verdict(_ kind: String) throws -> Bool {
      try Data(manifest.replacingOccurrences(of: "KIND", with: kind).utf8)
        .write(to: folder.appendingPathComponent("manifest.json"))
      return try Verifier(folder, backend: Backend(.native, precision: .f32, threads: 1)).run { _ in }
    }
    #expect(try verdict(""))
    #expect(try !verdict(#", "kind": "crystal-ball""#))
    let url = folder.appendingPathComponent("rng/randn.safetensors")
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count - 2] ^= 0x40
    try bytes.write(to: url)
    #expect(try !verdict(""))
  }

  /// The bundled model against PyTorch in float64 on the same int8 numbers: ids to pixels.
  @Test func bundledModelDrawsWhatPyTorchDraws() throws {
    let folder = Fixtures.repository.appendingPathComponent("Weights/small/goldens")
    let verifier = try Verifier(folder, backend: Backend(.native, precision: .f32, threads: 2))
    var failed: [String] = []
    let passed = verifier.run { if !$0.passed { failed.append("\($0.name) \($0.what) \($0.note)") } }
    #expect(passed)
    #expect(failed.isEmpty)
  }
}
