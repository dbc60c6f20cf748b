import DiTFiles
import Foundation
import Synchronization

/// The one place that writes to standard output and standard error.
///
/// What was asked for goes to standard output, and that it cannot be written is an error; what is said about it goes to
/// standard error, and is dropped where that is gone.
enum Terminal {
  /// A line on standard output. Whether it got there, ``checkOutput()`` tells.
  static func print(_ text: String, terminator: String = "\n") { print(Array((text + terminator).utf8)) }

  /// Bytes on standard output: a picture.
  static func print(_ bytes: [UInt8]) {
    let error = StandardStreams.write(bytes, to: STDOUT_FILENO)
    if error != 0, outputError.load(ordering: .relaxed) == 0 { outputError.store(error, ordering: .relaxed) }
  }

  /// - Throws: where anything printed so far could not be written. A reader that left had what it wanted: no error.
  static func checkOutput() throws(FileError) {
    let error = outputError.load(ordering: .relaxed)
    if error != 0, error != EPIPE {
      throw .unwritable(path: "standard output", reason: String(cString: strerror(error)))
    }
  }

  /// Text on standard error as it is.
  static func show(_ text: String) { _ = StandardStreams.write(text.utf8, to: STDERR_FILENO) }
}

/// The first error of standard output, or 0.
private let outputError = Atomic<Int32>(0)

/// One line on standard error.
func complain(_ message: String, prefix: String = "dit-t2i: ") { StandardStreams.complain(message, prefix: prefix) }
