import DiTCEdit
import DiTFiles
import Foundation

/// Lines from a person, who can edit them and find them again, or from a pipe.
final class LineEditor {
  let isInteractive = isatty(STDIN_FILENO) == 1
  /// What was typed in earlier sessions: `history` in `$XDG_STATE_HOME/dit-t2i`, else in `~/.local/state/dit-t2i`.
  private let history = userFolder("XDG_STATE_HOME", else: "~/.local/state").appendingPathComponent("history")

  init() {
    guard isInteractive else { return }
    using_history()
    stifle_history(1000)
    read_history(history.path)
  }

  /// - Returns: nil at the end of what there is.
  func read(_ prompt: String) -> String? {
    guard isInteractive else { return readLine() }
    guard let typed = readline(prompt) else {
      Terminal.show("\n")
      return nil
    }
    defer { free(typed) }
    let line = String(decoding: UnsafeRawBufferPointer(start: typed, count: strlen(typed)), as: UTF8.self)
    if !line.allSatisfy(\.isWhitespace) {
      add_history(typed)
      // Kept at once: a terminal that closes says nothing. Without the folder there is no history, and nothing is lost.
      try? FileManager.default.createDirectory(at: history.deletingLastPathComponent(), withIntermediateDirectories: true)
      // libedit itself would follow links and, interrupted, leave half a history.
      if let file = try? AtomicFile(history), write_history(file.path) == 0 { try? file.commit() }
    }
    return line
  }
}
