import DiTErrors
import DiTFiles
import Foundation

/// Why a model folder cannot be written.
package enum ConversionError: UserError {
  case exists(path: String)
  case cannotCreate(path: String, reason: String)

  package var kind: UserErrorKind { .cannotWrite }

  package var description: String {
    switch self {
    case .exists(let path): "\(path) exists already; name a new folder"
    case .cannotCreate(let path, let reason): "cannot write \(path): \(reason)"
    }
  }
}

/// A folder that appears whole or not at all.
package enum NewFolder {
  /// Lets `fill` write into a temporary folder, then gives that the name.
  /// - Throws: ``ConversionError``, or what `fill` throws; nothing is left then.
  package static func write(_ target: URL, fill: (URL) throws -> Void) throws {
    let files = FileManager.default
    guard !files.fileExists(atPath: target.path) else { throw ConversionError.exists(path: target.path) }
    do {
      try files.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      let folder = try AtomicFolder(target)
      try fill(folder.url)
      try folder.commit()
    } catch {
      switch FileError(error) ?? error {
      case FileError.exists(let path): throw ConversionError.exists(path: path)
      case FileError.unwritable(_, let reason): throw ConversionError.cannotCreate(path: target.path, reason: reason)
      case let error: throw error
      }
    }
  }
}
