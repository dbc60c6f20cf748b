import Foundation

/// The program in a terminal of a given size, and what it writes there.
struct Terminal {
  enum Failure: Error { case noTerminal }

  /// Everything written to standard error.
  let text: String

  /// - Parameters:
  ///   - columns: before the first step, and after the first lines; a reader that is late finds several in one piece.
  ///   - environment: beside the process's own.
  init(
    _ program: Program, _ arguments: [String], columns: Int, then later: Int? = nil, environment: [String: String] = [:]
  ) throws {
    var master: Int32 = -1, slave: Int32 = -1
    var size = winsize(ws_row: 10, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&master, &slave, nil, nil, &size) == 0 else { throw Failure.noTerminal }
    defer { close(master) }

    let process = Process()
    process.executableURL = Program.executable
    process.arguments = arguments
    process.currentDirectoryURL = program.folder
    process.environment = ProcessInfo.processInfo.environment.merging(["TERM": "xterm"]) { $1 }.merging(environment) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
    try process.run()
    close(slave)
    var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096), reads = 0
    while case let count = read(master, &buffer, buffer.count), count > 0 {
      bytes += buffer[..<count]
      reads += 1
      if reads == 3, let later {
        size.ws_col = UInt16(later)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
      }
    }
    process.waitUntilExit()
    text = String(decoding: bytes, as: UTF8.self)
  }

  /// What stood on a line at some time, without the sequences that moved it there.
  var lines: [String] {
    text.replacing(/\u{1B}\[[0-9;?]*[A-Za-z]/, with: "").split { $0.isNewline || $0 == "\r" }.map(String.init)
  }
}
