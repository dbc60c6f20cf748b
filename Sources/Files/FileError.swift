import DiTErrors
import Foundation

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

extension FileError {
  /// What Foundation says of a file, which is several lines of its own names; nil: something else.
  package init?(_ error: any Error) {
    guard let error = error as? CocoaError else { return nil }
    let path = error.filePath ?? error.url?.path ?? "a file"
    let system = (error.underlying as? POSIXError)?.code
    let reason = system.map { String(cString: strerror($0.rawValue)) } ?? error.localizedDescription
    switch system {
    case .ENOMEM: self = .outOfMemory(path: path)
    // NSFileWriteUnknownError and its kin
    case _ where 512..<768 ~= error.code.rawValue: self = .unwritable(path: path, reason: reason)
    default: self = .unreadable(path: path, reason: reason)
    }
  }
}
