import DiTErrors
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// The server: its routes over one desk.
package struct Server {
  package let options: ServerOptions
  package let desk: DrawingDesk
  package let logger: Logger

  /// Describes the models; weights are read when the first picture is asked for.
  /// - Throws: a `UserError`: a model that is not there, or that cannot be read.
  package init(_ options: ServerOptions, logger: Logger) throws {
    (self.options, self.logger) = (options, logger)
    let shelf = try ModelShelf(
      Server.folders(options.models), backend: Backend(.native, precision: options.precision, threads: options.threads),
      memory: options.memory, adapters: LoRAFolder(options.loraFolder))
    desk = DrawingDesk(shelf, room: options.queue, limits: options.limits)
  }

  private static func folders(_ names: [String]) throws -> [ModelFolder] {
    let locator = ModelLocator.bundled
    guard names.isEmpty else { return try names.map { try ModelFolder(locator.locate($0)) } }
    let usual = try ModelFolder(locator.locate(nil))
    // One bad folder among those that nobody named does not hide the others.
    return [usual] + locator.models.compactMap { try? ModelFolder($0.url) }.filter { $0.name != usual.name }
  }

  /// All routes.
  package func makeRouter() -> Router<ServerContext> {
    let router = Router(context: ServerContext.self)
    router.add(middleware: ErrorMiddleware())
    addPageRoutes(to: router, desk)
    addOpenAIRoutes(to: router, desk)
    addA1111Routes(to: router, desk)
    return router
  }

  /// The application, ready to run.
  /// - Parameter onRunning: is told the port that was taken.
  package func makeApplication(onRunning: @escaping @Sendable (Int) async -> Void) -> some ApplicationProtocol {
    Application(
      router: makeRouter(), configuration: .init(address: .hostname(options.host, port: options.port), serverName: "dit-t2i"),
      onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) }, logger: logger)
  }
}

/// Says every error as a client can read it; what nobody expected is logged, and is the server's fault.
struct ErrorMiddleware: RouterMiddleware {
  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error where !(error is CancellationError) {
      if let refused = RefusedRequest(error) { return refused.response() }
      context.logger.error("unexpected", metadata: ["error": "\(error)"])
      return RefusedRequest(.internalServerError, "something went wrong here; the server's log says more").response()
    }
  }
}
