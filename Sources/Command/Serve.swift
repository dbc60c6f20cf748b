import ArgumentParser
import DiTErrors
import DiTModels
import Foundation

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Draw in a browser, and for other programs.",
    usage: "dit-t2i serve [<options>]",
    discussion: """
      Example:
        dit-t2i serve --port 7860                then open http://127.0.0.1:7860

      Other programs speak to it as to OpenAI's images API or A1111's. The server is a program of its own, dit-t2i-server, and starts here where it is built. dit-t2i serve --help lists its \
      options, docs/SERVER.md says more.
      """)

  /// Becomes the server.
  /// - Throws: where that is not built, or cannot be started.
  static func start(_ options: some Collection<String>) throws {
    let program = try program
    var arguments = ([program.path] + options).map { strdup($0) } + [nil]
    Interruption.reset()
    execv(program.path, &arguments)
    throw ServeError.broken(program.path, String(cString: strerror(errno)))
  }

  /// Beside this program, or where its prefix keeps what is not for the PATH.
  private static var program: URL {
    get throws {
      let folder = ModelLocator.executable.resolvingSymlinksInPath().deletingLastPathComponent()
      let places = [folder, folder.deletingLastPathComponent().appendingPathComponent("libexec")]
        .map { $0.appendingPathComponent("dit-t2i-server") }
      guard let found = places.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
        throw ServeError.notBuilt(folder.path)
      }
      return found
    }
  }
}

enum ServeError: UserError {
  case notBuilt(String)
  case broken(String, String)

  var kind: UserErrorKind { .notFound }
  var description: String {
    switch self {
    case .notBuilt(let folder):
      "there is no dit-t2i-server in \(folder); in a checkout of dit-t2i this builds it: packaging/build dit-t2i-server"
    case .broken(let path, let reason): "cannot start \(path): \(reason)"
    }
  }
}
