import DiTErrors
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import ServiceLifecycle

/// The server: its routes over one desk.
package struct Server {
  package let options: ServerOptions
  package let desk: DrawingDesk
  package let teaching: TeachingDesk
  package let logger: Logger
  package let metrics = Metrics()
  package let connections = Connections()

  /// Describes the models; weights are read when the first picture is asked for.
  /// - Throws: a `UserError`: a model that is not there, or that cannot be read; others could reach it without a key.
  package init(_ options: ServerOptions, logger: Logger) throws {
    try options.safety.check()
    (self.options, self.logger) = (options, logger)
    let shelf = try ModelShelf(
      Server.folders(options.models), backend: Backend(.native, precision: options.precision, threads: options.threads),
      memory: options.memory, adapters: PromptAdapters(options.loraFolder, taught: options.taughtFolder))
    desk = DrawingDesk(shelf, room: options.queue, limits: options.limits, metrics: metrics,
      promptLog: options.logsPrompts ? logger : nil)
    teaching = TeachingDesk(desk, options, logger: logger)
  }

  private static func folders(_ names: [String]) throws -> [ModelFolder] {
    let locator = ModelLocator.bundled
    guard names.isEmpty else { return try names.map { try ModelFolder(locator.locate($0)) } }
    let usual = try ModelFolder(locator.locate(nil))
    // One bad folder among those that nobody named does not hide the others.
    return [usual] + locator.models.compactMap { try? ModelFolder($0.url) }.filter { $0.name != usual.name }
  }

  /// For what Hummingbird says of itself, which is for whoever looks for a fault.
  var quietLogger: Logger {
    var quiet = logger
    if quiet.logLevel > .debug { quiet.logLevel = .critical }
    return quiet
  }

  /// All routes.
  package func makeRouter() throws -> Router<ServerContext> {
    let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
    let description = try APIDescription(version: programVersion)
    let table = options.safety.stand(
      before: router, page: PackageResources.page_html, description: description, logger: logger, metrics: metrics)
    addPageRoutes(to: router, desk)
    addOpenAIRoutes(to: router, desk)
    addA1111Routes(to: router, desk)
    addTeachRoutes(to: router, teaching, desk)
    OperationsRoutes(
      description: description, metrics: metrics, apiKey: options.safety.apiKey, connections: connections, desk: desk
    ).add(to: router)
    table.fill(from: router)
    return router
  }

  /// The application, ready to run.
  /// - Parameter onRunning: is told the port that was taken.
  package func makeApplication(onRunning: @escaping @Sendable (Int) async -> Void) throws -> some ApplicationProtocol {
    let safety = options.safety
    return Application(
      router: try makeRouter(), server: .guarded(safety.limits, connections),
      configuration: .init(
        address: .hostname(safety.host, port: options.port), serverName: "dit-t2i", backlog: 1024,
        availableConnectionsDelegate: MaximumAvailableConnections(safety.limits.connections, logger: quietLogger)),
      onServerRunning: { channel in
        await Connections.outliveAcceptErrors(channel, logger)
        await onRunning(channel.localAddress?.port ?? 0)
      }, logger: quietLogger)
  }
}
