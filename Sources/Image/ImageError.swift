import DiTErrors

/// What can go wrong with pictures; for the files that hold them see `FileError`. The description is one line for the user.
public enum ImageError: UserError, Equatable {
  /// The bytes are no picture file that can be read; `source` is a path or another name for where they came from.
  case unreadable(source: String, reason: String)
  /// A picture that cannot be written.
  case unwritable(reason: String)
  /// The picture libraries found no memory.
  case outOfMemory
  /// A file is called as none is that can be written.
  case ending(path: String)
  /// No picture can have this size.
  case size(width: Int, height: Int)
  /// Things that have to fit each other and do not: a size and its pixels, two pictures, the rows of a map.
  case misfit(reason: String)

  /// Damaged data, an output that cannot be written, memory or usage.
  public var kind: UserErrorKind {
    switch self {
    case .unreadable: .damagedData
    case .unwritable: .cannotWrite
    case .outOfMemory: .outOfMemory
    case .size, .misfit, .ending: .usage
    }
  }

  /// One line for the user.
  public var description: String {
    switch self {
    case .unreadable(let source, let reason): "\(source) cannot be read as a picture: \(reason)"
    case .unwritable(let reason): "the picture cannot be written: \(reason)"
    case .outOfMemory: "not enough memory to read or write a picture"
    case .ending(let path): "\(path): pictures are written as \(PictureFormat.endingList)"
    case .size(let width, let height):
      "a picture of \(width)×\(height) pixels: expected sides of 1 or more, whose pixels a number can count"
    case .misfit(let reason): reason
    }
  }
}
