import DiTCKernels
import Foundation

extension Backend {
  /// What this processor can do and what of it is used, as lines of a name and a value.
  package static func describeCPU() throws -> String {
    let backend = try Backend()
    var lines = [
      ("can compute as", cpuLevels.joined(separator: ", ")), ("computes as", backend.cpuLevel),
      ("--precision auto", backend.precision.rawValue), ("threads", String(backend.threads)),
    ]
    let ratio = dk_cpu_bf16_ratio()
    if ratio > 0 {
      lines.append(("bfloat16", String(format: "a product of pairs takes %.1f times a multiply-add of float32", ratio)))
    }
    return lines.map { $0.0.padding(toLength: 18, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
  }

  /// What this processor can compute as: the instruction sets that it has, the best last ("portable", "avx2", …), and behind
  /// them what is emulated for tests.
  public static var cpuLevels: [String] { dk_cpu_level.available.filter { $0 != DK_CPU_NATIVE }.map(\.name) }
}

extension dk_cpu_level {
  static var available: [dk_cpu_level] {
    (0..<DK_CPU_LEVELS.rawValue).map { dk_cpu_level($0) }.filter { dk_cpu_has($0) != 0 }
  }

  var name: String { dk_cpu_level_name(self).map { String(cString: $0) } ?? "unknown" }

  /// - Parameter name: nil: what `DIT_T2I_CPU` names, for tests and reports; else the best there is.
  /// - Throws: ``BackendError/unknownCPU(_:)`` for what this processor cannot compute as. The next best would not do: a
  ///   report would be about something else.
  init(named name: String?) throws {
    self = DK_CPU_NATIVE
    guard let name = name ?? ProcessInfo.processInfo.environment["DIT_T2I_CPU"], !name.isEmpty else { return }
    guard dk_cpu_level_named(name, &self) != 0, dk_cpu_has(self) != 0 else { throw BackendError.unknownCPU(name) }
  }

  /// "native, portable or avx2".
  static var choices: String {
    let names = available.map(\.name)
    return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "native")
  }
}
