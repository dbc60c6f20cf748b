import ArgumentParser
import DiTServer
import Foundation
import Hummingbird
import Logging

@main
struct DitT2IServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dit-t2i-server", abstract: "Draw for browsers and other programs.")

  @Option(help: "Where to listen.") var host = "127.0.0.1"
  @Option(help: "0 takes one that is free, and prints it.") var port = 7860
  @Option(name: .shortAndLong, help: "A model's name, folder or file; the first is the one that nobody names.")
  var model: [String] = []

  func run() async throws {
    var options = ServerOptions()
    (options.host, options.port, options.models) = (host, port, model)
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    let server = try Server(options, logger: Logger(label: "dit-t2i"))
    let host = host
    let application = server.makeApplication { port in
      // Whoever started us with port 0 reads it from a pipe.
      FileHandle.standardOutput.write(Data("listening on http://\(host):\(port)\n".utf8))
    }
    try await application.runService()
  }
}
