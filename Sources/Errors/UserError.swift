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
