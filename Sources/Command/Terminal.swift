import DiTFiles
import Foundation
import Synchronization

/// The one place that writes to standard output and standard error.
///
/// What was asked for goes to standard output, and that it cannot be written is an error; what is said about it goes to
/// standard error, and is dropped where that is gone.
enum Terminal {
  /// Closed standard streams are opened on nothing, so that no file of ours gets their numbers and, with them, messages.
  static func openStandardStreams() {
    for (stream, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
    where fcntl(stream, F_GETFD) < 0 {
      // The lowest free number: this one. In the other direction, so that using it fails as on a closed one.
      _ = open("/dev/null", mode)
    }
  }

  /// A line on standard output. Whether it got there, ``checkOutput()`` tells.
  static func print(_ text: String, terminator: String = "\n") { print(Array((text + terminator).utf8)) }

  /// Bytes on standard output: a picture.
  static func print(_ bytes: [UInt8]) {
    let error = send(bytes, to: STDOUT_FILENO)
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
  static func show(_ text: String) { _ = send(Array(text.utf8), to: STDERR_FILENO) }

  /// - Returns: the system's error, or 0.
  private static func send(_ bytes: [UInt8], to stream: Int32) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(stream, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return errno }
      rest = rest.dropFirst(count)
    }
    return 0
  }
}

/// The first error of standard output, or 0.
private let outputError = Atomic<Int32>(0)

/// One line on standard error, whatever the message quotes: no file steers a terminal.
func complain(_ message: String, prefix: String = "dit-t2i: ") {
  var line = String.UnicodeScalarView()
  for scalar in message.split(whereSeparator: \.isNewline).joined(separator: " ").unicodeScalars {
    let isControl = scalar.properties.generalCategory == .control
    if isControl { line.append(contentsOf: scalar.escaped(asASCII: true).unicodeScalars) } else { line.append(scalar) }
  }
  Terminal.show("\(prefix)\(String(line))\n")
}
