import DiTCheckpoints
import Foundation
import DiTTensors

/// One case of a manifest while it runs: its files, its tolerances, and the rows it has made.
struct VerificationCase {
  let group: String
  /// The case's file, relative to the group's folder.
  let name: String
  let manifest: JSONValue
  let groupManifest: JSONValue
  let folder: URL
  let backend: Backend
  private(set) var rows: [VerificationRow] = []

  // MARK: files

  /// The case's own file.
  var url: URL { folder.appendingPathComponent(name) }
  /// The folder the case's file lies in.
  var directory: URL { url.deletingLastPathComponent() }

  /// A file beside the case's own.
  func beside(_ name: String) -> URL { directory.appendingPathComponent(name) }
  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: beside(name).path) }
  func data() throws -> Checkpoint { try openCheckpoint(at: url) }

  // MARK: comparing

  private struct Limits {
    var nmse = Double.infinity
    var maxRelative = Double.infinity
    var maxAbsolute = Double.infinity
    var meanAbsolute = Double.infinity

    var text: String {
      [(nmse, "nmse"), (maxRelative, "rel"), (maxAbsolute, "abs"), (meanAbsolute, "mean")]
        .filter { $0.0.isFinite }.map { "\($0.1) \(short($0.0))" }.joined(separator: " ")
    }
  }

  private static let endsOfRuns: Set = ["latents", "image", "image_u8"]

  /// The manifest's tolerances for a tensor; looser where numbers are computed in fewer bits (see the fixtures' notes).
  private func limits(of tensor: String) -> Limits? {
    let whole = manifest["tolerance"]
    let value = whole?[tensor] ?? whole
    var limits = Limits()
    limits.nmse = value?["nmse"]?.number ?? .infinity
    limits.maxRelative = value?["max_abs_rel"]?.number ?? .infinity
    limits.maxAbsolute = value?["max_abs"]?.number ?? .infinity
    limits.meanAbsolute = value?["mean_abs"]?.number ?? .infinity
    guard limits.text != "" else { return nil }
    let floor: (Double, Double) =
      switch backend.precision {
      case .auto, .f32: (0, 0)
      case .bf16, .int12: (2e-4, 3e-2)
      case .int8: (2e-3, 8e-2)
      }
    if floor.0 > 0, ["step1.", "final."].contains(where: tensor.hasPrefix) {
      // A step of AdamW is the rate times a sign where a gradient is next to nothing: single numbers go the other way.
      return Limits(nmse: 0.1)
    }
    // u + s(c − u) adds the rounding of both branches, s² + (s−1)² times that of one; a gradient has come all the way there and back.
    let scale = manifest["guidance_scale"]?.number ?? 1
    let once = (scale * scale + (scale - 1) * (scale - 1)) * (tensor.hasPrefix("grad.") ? 3 : 1)
    // What one run ends in may be what the next begins with.
    let amplified = ["i2t2i", "t2i2t"].contains(manifest["mode"]?.string) ? once * once : once
    if floor.0 > 0, Self.endsOfRuns.contains(tensor) {
      // Rounding grows over the steps, and one pixel may come out otherwise: the whole is judged.
      return Limits(nmse: max(limits.nmse.isFinite ? limits.nmse : 0, floor.0 * amplified))
    }
    limits.nmse = max(limits.nmse, floor.0 * amplified)
    limits.maxRelative = max(limits.maxRelative, floor.1 * amplified.squareRoot())
    return limits
  }

  /// Compares numbers with golden ones.
  /// - Parameter tensor: its name for the table and for its tolerance.
  mutating func compare(_ tensor: String, expected: [Float], actual: [Float], note: String = "") {
    guard expected.count == actual.count else {
      return add(tensor, nil, "", false, "\(actual.count) numbers, expected \(expected.count)")
    }
    guard let limits = limits(of: tensor) else {
      return add(tensor, nil, "", false, "the manifest has no tolerance for it")
    }
    let result = Comparison(expected: expected, actual: actual)
    let passed = result.nmse <= limits.nmse && result.maxRelative <= limits.maxRelative
      && result.maxAbsolute <= limits.maxAbsolute && result.meanAbsolute <= limits.meanAbsolute
    add(tensor, result, limits.text, passed, note)
  }

  /// Compares with `expected.NAME` of a file, where it has that.
  mutating func compare(_ tensor: String, in file: Checkpoint, actual: Tensor, note: String = "") throws {
    guard file.contains("expected." + tensor) else { return }
    let expected = try file.tensor("expected." + tensor)
    guard expected.count == actual.count else {
      return add(tensor, nil, "", false, "shape \(actual.shape), expected \(expected.shape)")
    }
    compare(tensor, expected: expected.array, actual: actual.array, note: note)
  }

  /// Compares what a probe saw.
  mutating func compare(_ point: ProbePoint, in file: Checkpoint, actual: Tensor, note: String = "") throws {
    try compare(point.name, in: file, actual: actual, note: note)
  }

  /// Something that must be equal to the last bit.
  mutating func exact(_ what: String, _ passed: Bool, note: String = "") {
    add(what, nil, "exact", passed, note)
  }

  mutating func fail(_ reason: String) { add("", nil, "", false, reason) }

  private mutating func add(
    _ what: String, _ comparison: Comparison?, _ tolerance: String, _ passed: Bool, _ note: String
  ) {
    rows.append(
      VerificationRow(
        group: group, name: name, what: what, comparison: comparison, tolerance: tolerance, passed: passed, note: note))
  }
}

/// "1e-09".
func short(_ value: Double) -> String { value == 0 ? "0" : String(format: "%.0e", value) }
