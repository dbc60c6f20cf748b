import Foundation

/// What kind of mistake an error is. Whoever catches one can act on that without knowing every type there is.
public enum UserErrorKind: Sendable, CaseIterable {
  /// The caller asked for what cannot be: an option out of range, a class the model does not know.
  case usage
  /// A file is damaged, or not of the kind it was taken for.
  case damagedData
  /// A model, file or library is not there, or may not be read.
  case notFound
  /// The output cannot be written.
  case cannotWrite
  case outOfMemory
}

/// An error that may reach a user: one line that says what is wrong and what to do, and what kind of mistake it is.
///
/// Every error that leaves a module of this package is one.
public protocol UserError: LocalizedError, CustomStringConvertible, Sendable {
  var kind: UserErrorKind { get }
}

extension UserError {
  /// The same line, for whoever knows an `Error` alone and asks for its `localizedDescription`.
  public var errorDescription: String? { description }
}

/// An error whose mend is an option on the command line, and has another name in the library.
///
/// `description` is the line of the program, `localizedDescription` that of the library.
package protocol WordedError: UserError {
  /// The line.
  /// - Parameter say: picks from the command line's words and the library's those that are asked for.
  func line(_ say: (_ program: String, _ library: String) -> String) -> String
}

extension WordedError {
  package var description: String { line { program, _ in program } }
  package var errorDescription: String? { line { _, library in library } }
}

extension UserErrorKind {
  /// The documented exit code of a program (after sysexits.h).
  package var exitCode: Int32 {
    switch self {
    case .usage: 64
    case .damagedData: 65
    case .notFound: 66
    case .outOfMemory: 71
    case .cannotWrite: 73
    }
  }
}
