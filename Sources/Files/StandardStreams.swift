import Foundation

/// Standard input, output and error, which may be closed, full or gone: nothing here ends the process.
package enum StandardStreams {
  /// Closed streams are opened on nothing, so that no file or connection of ours gets their numbers and, with them, messages.
  package static func openClosed() {
    for (stream, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
    where fcntl(stream, F_GETFD) < 0 {
      // The lowest free number: this one. In the other direction, so that using it fails as on a closed one.
      _ = open("/dev/null", mode)
    }
  }

  /// - Returns: the system's error, or 0.
  package static func write(_ bytes: some Sequence<UInt8>, to stream: Int32) -> Int32 {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.write(stream, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return errno }
      rest = rest.dropFirst(count)
    }
    return 0
  }

  /// A message as one line on standard error, whatever it quotes: no file steers a terminal.
  package static func complain(_ message: String, prefix: String = "dit-t2i: ") {
    var line = String.UnicodeScalarView()
    for scalar in message.split(whereSeparator: \.isNewline).joined(separator: " ").unicodeScalars {
      let isControl = scalar.properties.generalCategory == .control
      if isControl { line.append(contentsOf: scalar.escaped(asASCII: true).unicodeScalars) } else { line.append(scalar) }
    }
    _ = write("\(prefix)\(String(line))\n".utf8, to: STDERR_FILENO)
  }
}
