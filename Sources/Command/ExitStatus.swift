import DiTErrors

/// The documented exit codes (after sysexits.h).
enum ExitStatus {
  static let verificationFailed: Int32 = 1

  /// The code of an error of the libraries; nil for those of the argument parser.
  static func code(of error: Error) -> Int32? { (error as? any UserError)?.kind.exitCode }
}
