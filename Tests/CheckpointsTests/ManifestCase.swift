import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// One file of `files/manifest.json`, and what a reader must make of it.
struct ManifestCase: Sendable, CustomTestStringConvertible {
  let file: String
  let loads: Bool
  let why: String
  let tensors: [(key: String, value: GoldenJSON)]

  var testDescription: String { file }
  var url: URL { Fixtures.url("files/" + file) }

  static func all(_ group: String) -> [ManifestCase] {
    guard let manifest = try? GoldenJSON.read(Fixtures.url("files/manifest.json")) else { return [] }
    return (manifest[group]?.elements ?? []).map { entry in
      ManifestCase(
        file: entry["file"]?.string ?? "", loads: entry["expected"]?.string == "load", why: entry["why"]?.string ?? "",
        tensors: entry["tensors"]?.members ?? [])
    }
  }

  /// Checks names, shapes and every number of a checkpoint that loaded.
  func expectTensors(_ checkpoint: Checkpoint) throws {
    let names = tensors.map { TensorName($0.key) }
    #expect(checkpoint.records.map(\.name).sorted() == names.sorted())
    for (name, golden) in tensors {
      let record = try #require(checkpoint[name], "no \(name)")
      let shape = golden["shape"]?.elements.compactMap(\.integer) ?? []
      let values = golden["values"]?.elements ?? []
      #expect(record.shape == shape, "\(name)")
      switch record.type {
      case .f16, .bf16, .f32:
        let numbers = try checkpoint.tensor(name, shape: shape).array
        #expect(numbers.map(Canonical.init) == values.compactMap(\.double).map { Canonical(Float($0)) }, "\(name)")
      case .f64:
        let numbers = try checkpoint.doubles(name, shape: shape)
        #expect(numbers.map(Canonical.init) == values.compactMap(\.double).map { Canonical($0) }, "\(name)")
      default:
        #expect(try checkpoint.integers(name, shape: shape) == values.compactMap(\.integer), "\(name)")
      }
    }
  }

  /// A number that equals itself even if it is NaN, and where −0 is not 0.
  private struct Canonical: Equatable {
    let bits: UInt64
    init(_ value: some BinaryFloatingPoint) { bits = value.isNaN ? 0x7FF8 << 48 : Double(value).bitPattern }
  }
}

/// Checks that a body throws a ``LoadError`` of one line that names the file.
func expectRefusal(
  of file: URL, _ why: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("loaded, although: \(why)", sourceLocation: sourceLocation)
  } catch let error as LoadError {
    let text = error.description
    #expect(text.contains(file.lastPathComponent), sourceLocation: sourceLocation)
    #expect(!text.contains { $0.isNewline }, sourceLocation: sourceLocation)
    #expect(text.utf8.count < 600, "\(text)", sourceLocation: sourceLocation)
    if ProcessInfo.processInfo.environment["DIT_T2I_SHOW"] != nil { print("  \(why)\n    \(text)") }
  } catch {
    Issue.record("not a LoadError: \(error)", sourceLocation: sourceLocation)
  }
}
