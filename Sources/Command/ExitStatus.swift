import DiTErrors

/// The documented exit codes (after sysexits.h).
enum ExitStatus {
  static let verificationFailed: Int32 = 1

  /// The code of an error of the libraries; nil for those of the argument parser.
  static func code(of error: Error) -> Int32? { (error as? any UserError)?.kind.exitCode }
}

extension UserErrorKind {
  var exitCode: Int32 {
    switch self {
    case .usage: 64
    case .damagedData: 65
    case .notFound: 66
    case .outOfMemory: 71
    case .cannotWrite: 73
    }
  }
}
