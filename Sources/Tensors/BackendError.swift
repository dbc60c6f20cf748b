import DiTCKernels
import DiTErrors

/// What can go wrong when a backend is made, a matrix is packed or an operation runs.
package enum BackendError: WordedError {
  case openBLASMissing
  case outOfMemory(String)
  /// Operands that do not fit each other; the text says which.
  case shape(String)
  /// A value of `DIT_T2I_CPU`.
  case unknownCPU(String)

  package var kind: UserErrorKind {
    switch self {
    case .openBLASMissing: .notFound
    case .outOfMemory: .outOfMemory
    case .shape, .unknownCPU: .usage
    }
  }

  package func line(_ say: (_ program: String, _ library: String) -> String) -> String {
    switch self {
    case .openBLASMissing:
      say("--backend openblas", "the backend openblas")
        + " needs libopenblas.so.0, which is not installed: apt-get install libopenblas0, or use "
        + say("--backend native", "the backend native")
    case .outOfMemory(let what): "not enough memory for \(what)"
    case .shape(let what): "operands do not fit each other: \(what)"
    case .unknownCPU(let name):
      "DIT_T2I_CPU=\(name) is not something this processor can compute as: use \(dk_cpu_level.choices)"
    }
  }
}

/// Turns what a kernel returns into an error.
func check(_ status: dk_status, _ operation: @autoclosure () -> String) throws {
  guard status == DK_OK else { throw BackendError.outOfMemory(operation()) }
}
