/// A line of a prompt file, before anybody knows what its options mean.
public struct PromptLine: Sendable, Equatable {
  /// In the file, from 1; of a CSV record the line it begins in.
  public var number: Int
  /// Nil where the line gives none.
  public var prompt: String?
  /// As on the command line: `["--size", "384x256", "--seed=7"]`.
  public var options: [String]

  public init(number: Int, prompt: String?, options: [String] = []) {
    (self.number, self.prompt, self.options) = (number, prompt, options)
  }
}

/// Why a line cannot be drawn.
public struct PromptProblem: Error, Sendable, Equatable {
  public var line: Int
  public var reason: String

  public init(line: Int, reason: String) {
    (self.line, self.reason) = (line, reason)
  }
}
