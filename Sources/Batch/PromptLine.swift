/// A line of a prompt file, before anybody knows what its options mean.
package struct PromptLine: Sendable, Equatable {
  /// In the file, from 1; of a CSV record the line it begins in, of an element of JSON its number.
  package var number: Int
  /// Nil where the line gives none.
  package var prompt: String?
  /// As on the command line: `["--size", "384x256", "--seed=7"]`.
  package var options: [String]

  package init(number: Int, prompt: String?, options: [String] = []) {
    (self.number, self.prompt, self.options) = (number, prompt, options)
  }

  /// This line of a table without some of its options, `--category` for instance.
  package func without(_ unknown: Set<String>) -> PromptLine {
    var line = self
    line.options = []
    var isDropped = false
    for word in options {
      // The empty value of an option stands by itself.
      if word.hasPrefix("--") { isDropped = unknown.contains(String(word.prefix { $0 != "=" })) }
      if !isDropped { line.options.append(word) }
    }
    return line
  }
}

/// Why a line cannot be drawn.
package struct PromptProblem: Error, Sendable, Equatable {
  package var line: Int
  package var reason: String

  package init(line: Int, reason: String) {
    (self.line, self.reason) = (line, reason)
  }
}
