import ArgumentParser
import DiTErrors
import DiTFiles
import DiTServer
import DiTTextToImage
import Foundation
import Logging
import NIOCore

@main
struct DitT2IServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dit-t2i-server",
    abstract: "Draw in a browser, and serve programs that speak OpenAI's images API or A1111's.",
    usage: "dit-t2i serve [<options>]",
    discussion: """
      Examples:
        dit-t2i serve                            then open http://127.0.0.1:7860
        dit-t2i serve --model small --port 0     a free port, which it prints
        dit-t2i serve --host 0.0.0.0 --api-key-file key.txt

      Only this machine reaches it unless --host says otherwise, which takes a key. docs/SERVER.md says more.
      """,
    version: "dit-t2i-server \(programVersion)")

  @OptionGroup(title: "Drawing") var drawing: DrawingOptions
  @OptionGroup(title: "Access") var access: AccessOptions
  @OptionGroup(title: "Operation") var operation: OperationOptions

  static func main() async {
    StandardStreams.openClosed()
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      if let server = command as? DitT2IServer { try await server.serve() } else { try command.run() }
    } catch {
      finish(with: error)
    }
  }

  private func serve() async throws {
    var options = ServerOptions()
    try access.apply(to: &options)
    drawing.apply(to: &options)
    operation.apply(to: &options)
    let wanted = options.safety.limits.connections
    let connections = options.safety.limits.fitOpenFiles()
    let format = operation.logFormat, level = operation.logLevel
    LoggingSystem.bootstrap { _ in LogLines(format, level: level) }
    let logger = Logger(label: "dit-t2i")
    if connections < wanted {
      logger.warning("few open files are allowed", metadata: ["connections": "\(connections)", "usual": "\(wanted)"])
    }
    let server = try Server(options, logger: logger)
    let host = access.host
    do {
      try await server.run { port in
        // Whoever started us with port 0 reads it from a pipe.
        _ = StandardStreams.write("listening on http://\(Authority.bracketed(host)):\(port)\n".utf8, to: STDOUT_FILENO)
      }
    } catch let error where error is IOError || error is SocketAddressError {
      throw ListenError(host: host, port: access.port, error)
    }
  }

  /// Help goes to standard output; everything else is one line on standard error and an exit code.
  private static func finish(with error: any Error) -> Never {
    if let error = error as? any UserError { end("\(error)", error.kind.exitCode) }
    let code = exitCode(for: error).rawValue
    guard code != 0 else {
      let problem = StandardStreams.write("\(fullMessage(for: error))\n".utf8, to: STDOUT_FILENO)
      guard problem == 0 || problem == EPIPE else {
        end("cannot write standard output (\(String(cString: strerror(problem))))", UserErrorKind.cannotWrite.exitCode)
      }
      Foundation.exit(0)
    }
    let isUsage = error is ValidationError || code == ExitCode.validationFailure.rawValue
    end(message(for: error), isUsage ? 64 : 70)
  }

  private static func end(_ message: String, _ code: Int32) -> Never {
    StandardStreams.complain(message)
    Foundation.exit(code)
  }
}

/// Why the server cannot listen.
private struct ListenError: UserError {
  let host: String
  let port: Int
  let reason: String
  let kind: UserErrorKind

  init(host: String, port: Int, _ error: any Error) {
    (self.host, self.port) = (host, port)
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE: (reason, kind) = ("something listens there already; --port says another, 0 takes a free one", .cannotWrite)
    case EACCES: (reason, kind) = ("only root may take ports below 1024; --port says another", .cannotWrite)
    case EADDRNOTAVAIL: (reason, kind) = ("this machine has no such address; --host says which one", .notFound)
    case .some(let code): (reason, kind) = (String(cString: strerror(code)), .cannotWrite)
    case nil: (reason, kind) = ("there is no such host; --host says which one", .notFound)
    }
  }

  var description: String { "cannot listen at \(Authority.bracketed(host)):\(port): \(reason)" }
}
