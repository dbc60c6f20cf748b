import Foundation
import Image

/// Ctrl-C and termination: half-written files go, and the program ends with the code the shell expects.
enum Interruption {
  static func install() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { number in
        TemporaryFiles.removeAll()
        _exit(128 + number)
      }
    }
    signal(SIGPIPE, SIG_IGN)
  }
}
