import DiTErrors

/// Why a prompt file or a folder of pictures cannot be worked on, in one line.
package enum BatchError: UserError, Equatable {
  case unreadable(path: String, reason: String)
  case badLines(file: String, bad: Int, of: Int)
  case badLine(file: String, PromptProblem)
  case nothingToDraw(file: String)
  case nothingToCompare(file: String)
  case tooMany(file: String, pictures: Int, limit: Int)
  case shard(String)
  /// The folder, and what holds it.
  case locked(path: String)
  /// A file that no run of ours has written.
  case foreign(path: String)
  case template(String)
  case unwritable(path: String, reason: String)
  case incomplete(folder: String, reason: String)

  package var kind: UserErrorKind {
    switch self {
    case .unreadable: .notFound
    case .shard, .template: .usage
    case .locked, .foreign, .unwritable: .cannotWrite
    case .badLines, .badLine, .nothingToDraw, .nothingToCompare, .tooMany, .incomplete: .damagedData
    }
  }

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .badLines(let file, let bad, let count) where bad == count: "\(file): nothing of it can be drawn"
    case .badLines(let file, let bad, let count):
      "\(file): \(bad) of \(count) lines \(bad == 1 ? "is" : "are") bad; nothing was drawn (--skip-bad goes on without)"
    case .badLine(let file, let problem): "\(file):\(problem.line): \(problem.reason)"
    case .nothingToDraw(let file): "\(file): no prompts"
    case .nothingToCompare(let file): "\(file): no line has both a prompt and a class"
    case .tooMany(let file, let pictures, let limit): "\(file): \(pictures) pictures; at most \(limit) can be one job"
    case .shard(let reason): reason
    case .locked(let path): "\(path): another run is drawing into this folder"
    case .foreign(let path): "\(path) exists, and no manifest says that it was drawn here: choose another folder"
    case .template(let reason): reason
    case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
    case .incomplete(let folder, let reason): "\(folder): \(reason)"
    }
  }
}
