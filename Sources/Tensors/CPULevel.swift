import DiTCKernels
import Foundation

extension dk_cpu_level {
  /// What `DIT_T2I_CPU` names, for tests and reports; else the best there is. A name this processor cannot compute as is an
  /// error, not the next best: a report would be about something else.
  static func fromEnvironment() throws -> dk_cpu_level {
    guard let name = ProcessInfo.processInfo.environment["DIT_T2I_CPU"], !name.isEmpty else { return DK_CPU_NATIVE }
    var level = DK_CPU_NATIVE
    guard dk_cpu_level_named(name, &level) != 0, dk_cpu_has(level) != 0 else { throw BackendError.unknownCPU(name) }
    return level
  }

  /// The names of what this processor has: "native, portable or avx2".
  static var choices: String {
    let levels = (0..<DK_CPU_LEVELS.rawValue).map { dk_cpu_level($0) }.filter { dk_cpu_has($0) != 0 }
    let names = levels.compactMap { dk_cpu_level_name($0).map { String(cString: $0) } }
    return names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1]
  }
}

/// Traps when a kernel had no memory.
func check(_ status: dk_status) {
  precondition(status == DK_OK, "not enough memory")  // becomes a throw with the checked views
}
