import Foundation
import Image

/// Ctrl-C and termination: half-written files go, and the program ends with the code the shell expects.
enum Interruption {
  static func install() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { number in
        TemporaryFiles.removeAll()
        if let text = interruptionMessage { _ = write(STDERR_FILENO, text, strlen(text)) }
        _exit(128 + number)
      }
    }
    signal(SIGPIPE, SIG_IGN)
  }

  /// - Parameter text: for standard error, when the program is interrupted from now on.
  static func say(_ text: String) { interruptionMessage = strdup(text) }
}

/// A global C string, because a signal handler may neither allocate nor capture.
nonisolated(unsafe) private var interruptionMessage: UnsafeMutablePointer<CChar>?
