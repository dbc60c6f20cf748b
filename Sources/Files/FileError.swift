import DiTErrors

/// Why the system did not give or take a file. The description is one line for the user.
package enum FileError: UserError, Equatable {
  /// `reason` is in the system's own words.
  case unreadable(path: String, reason: String)
  case unwritable(path: String, reason: String)
  /// A file of that name is there already, and may not be replaced.
  case exists(path: String)
  case outOfMemory(path: String)

  package var kind: UserErrorKind {
    switch self {
    case .unreadable: .notFound
    case .unwritable, .exists: .cannotWrite
    case .outOfMemory: .outOfMemory
    }
  }

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
    case .exists(let path): "\(path) exists already and is not replaced"
    case .outOfMemory(let path): "not enough memory to read \(path)"
    }
  }
}
