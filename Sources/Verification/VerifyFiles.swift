import DiTCheckpoints
import Foundation
import DiTImage
import DiTTensors

/// Odd and hostile checkpoints: each bad one refused in one line, each good one read to the last number.
@Sendable func verifyFiles(_ test: inout VerificationCase) throws {
  let golden = try readConfiguration(JSONValue.self, at: test.url, keepingNonFinite: true)
  for kind in ["safetensors", "pickle"] {
    var refused = 0
    var loaded = 0
    var wrong: [String] = []
    for one in golden[kind]?.array ?? [] {
      let name = one["file"]?.string ?? "?"
      do {
        let file = try openCheckpoint(at: test.beside(name))
        guard one["expected"]?.string == "load" else {
          wrong.append("\(name) was not refused: \(one["why"]?.string ?? "")")
          continue
        }
        loaded += 1
        if let problem = try difference(file, one["tensors"]?.object ?? [:]) { wrong.append("\(name): \(problem)") }
      } catch let error as LoadError {
        refused += 1
        if one["expected"]?.string != "reject" { wrong.append("\(error)") }
        if error.description.contains("\n") { wrong.append("\(name): more than one line") }
      }
    }
    let note = wrong.isEmpty ? "\(refused) refused, \(loaded) loaded" : "\(wrong.count) wrong, first \(wrong[0])"
    test.exact("\(kind) files", wrong.isEmpty && refused + loaded > 0, note: note)
  }
}

/// What differs between a loaded file and the manifest's list of its tensors; nil if nothing.
private func difference(_ file: Checkpoint, _ golden: [String: JSONValue]) throws -> String? {
  for (name, tensor) in golden {
    // Swift's strings cannot tell names apart that are canonically equivalent: one of those must match.
    let candidates = file.records.filter { $0.name.string == name }
    guard !candidates.isEmpty else { return "no tensor \(name)" }
    let values = tensor["values"]?.array ?? []
    let matching = try candidates.contains { record in
      guard record.shape == tensor["shape"]?.integers ?? [] else { return false }
      let numbers = try record.numbers()
      return numbers.count == values.count && zip(numbers, values).allSatisfy(same)
    }
    if !matching { return "tensor \(name) differs" }
  }
  let unknown = file.records.first { golden[$0.name.string] == nil }
  return unknown.map { "unexpected tensor \($0.name)" }
}

private func same(_ actual: Double, _ expected: JSONValue) -> Bool {
  let value: Double? =
    switch expected {
    case .number(let number): number
    case .bool(let bool): bool ? 1 : 0
    case .string(let text): Double(text)
    default: nil
    }
  guard let value else { return false }
  return actual == value || actual.isNaN && value.isNaN || Float(actual) == Float(value)
}

extension TensorRecord {
  /// Any type's numbers as doubles.
  fileprivate func numbers() throws -> [Double] {
    let alone = try Checkpoint(location: file.path, records: [self])
    switch type {
    case .f16, .bf16, .f32, .f64: return try alone.doubles(name.string)
    default: return try alone.integers(name.string).map(Double.init)
    }
  }
}

/// Floats to 8-bit pixels.
@Sendable func verifyImage(_ test: inout VerificationCase) throws {
  let file = try test.data()
  for record in file.records where record.name.string.hasSuffix(".float_chw") {
    let name = String(record.name.string.dropLast(".float_chw".count))
    let planes = try file.tensor(record.name.string)
    let expected = try file.integers(name + ".u8_hwc")
    guard planes.shape.count == 3 else { throw VerificationError("\(record.name): not [3, h, w]") }
    let picture = try Picture(
      planes: planes.array, width: planes.shape[2], height: planes.shape[1], range: name == "signed" ? .signed : .unit)
    test.exact(name, picture.pixels.map(Int.init) == expected)
    let png = test.beside(name + ".png")
    if FileManager.default.fileExists(atPath: png.path) {
      test.exact(name + ".png", try Picture(contentsOf: png).pixels.map(Int.init) == expected)
    }
  }
}
