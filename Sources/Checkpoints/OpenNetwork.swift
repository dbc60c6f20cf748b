import DiTTensors
import Foundation

/// Opens the checkpoint of a network, its tensors by the names of its authors, whatever a program put before them.
/// - Parameter marks: sets of tensors of which such a network has one.
/// - Throws: ``LoadError``, also where the numbers are of a kind that is not read.
package func openNetwork(at url: URL, marks: [[String]]) throws -> Checkpoint {
  try openCheckpoint(at: url).network(marks)
}

extension Checkpoint {
  /// As ``openNetwork(at:marks:)``, of a checkpoint that is open.
  package func network(_ marks: [[String]]) throws -> Checkpoint {
    let names = try unwrapped()
    let found = names.below(anyOf: marks) ?? names
    try found.requireReadable()
    return found
  }

  /// Refuses numbers in forms of other programs by their name, before a single tensor is missed.
  private func requireReadable() throws {
    func named(_ test: (String) -> Bool) -> Bool { records.contains { test($0.name.string) } }
    let isFP8 = records.contains { $0.type == .f8e4m3 || $0.type == .f8e5m2 }
    let isScaled = named { $0.hasSuffix(".scale_weight") || $0.hasSuffix("scaled_fp8") }
    let isBitsAndBytes = named { $0.contains(".quant_state.") || $0.hasSuffix(".absmax") || $0.hasSuffix(".SCB") }
    let isPacked = named { $0.hasSuffix(".qweight") || $0.hasSuffix(".qzeros") }
    let what: String? =
      switch true {
      case isFP8: "8-bit floats (\(isScaled ? "scaled " : "")fp8)"
      case isBitsAndBytes: "quantised by bitsandbytes"
      case isPacked: "quantised integers (qweight)"
      default: nil
      }
    guard let what else { return }
    throw LoadError.malformed(
      file: location, reason: "its numbers are \(what), which this program does not read; take the fp16, bf16 or fp32 file")
  }
}
