/// What can go wrong with pictures and their files. The description is one line for the user.
public enum ImageError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The system refused: `action` is a verb ("write"), `reason` the system's own words.
  case file(path: String, action: String, reason: String)
  /// A file of that name is there already, and may not be replaced.
  case exists(path: String)
  /// The bytes are not a PNG file that can be read; `source` is a path or another name for where they came from.
  case unreadable(source: String, reason: String)
  /// A picture that cannot be written as PNG.
  case unwritable(reason: String)

  public var description: String {
    switch self {
    case .file(let path, let action, let reason): "cannot \(action) \(path): \(reason)"
    case .exists(let path): "\(path) exists already and is not replaced"
    case .unreadable(let source, let reason): "\(source) cannot be read as a PNG picture: \(reason)"
    case .unwritable(let reason): "the picture cannot be written as PNG: \(reason)"
    }
  }
}
