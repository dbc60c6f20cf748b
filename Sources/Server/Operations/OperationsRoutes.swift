import DiTTextToImage
import Foundation
import Hummingbird

/// `/health`, `/metrics` and `/openapi.json`.
struct OperationsRoutes: Sendable {
  let description: APIDescription
  let metrics: Metrics
  /// Nil: none is needed.
  let apiKey: APIKey?
  let connections: Connections
  let desk: DrawingDesk

  func add(to router: Router<ServerContext>) {
    let started = ContinuousClock.now
    router.get("/health") { request, _ in
      let state = await desk.state
      var health = Health(status: state.isClosed ? "closing" : "ok")
      // To strangers it says no more than that.
      if apiKey?.isIn(request.headers) ?? true {
        health.version = programVersion
        health.models = state.models.map { .init(name: $0, loaded: state.loaded.contains($0)) }
        health.queue = .init(waiting: state.waiting, drawing: state.drawing)
        health.uptime = ((ContinuousClock.now - started) / .seconds(1)).rounded()
      }
      return jsonResponse(health, status: state.isClosed ? .serviceUnavailable : .ok)
    }
    addGauges()
    router.get("/metrics") { _, _ in
      Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: await metrics.text())))
    }
    router.get("/openapi.json") { _, _ in
      Response(
        status: .ok, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "max-age=300"],
        body: .init(byteBuffer: ByteBuffer(bytes: description.json)))
    }
  }

  private struct Health: Encodable {
    let status: String
    var version: String?
    var models: [Model]?
    var queue: Queue?
    /// In seconds.
    var uptime: Double?
    struct Model: Encodable { let name: String; let loaded: Bool }
    struct Queue: Encodable { let waiting, drawing: Int }
  }

  private func addGauges() {
    metrics.gauge(.waiting) { Double(await desk.state.waiting) }
    metrics.gauge(.drawing) { Double(await desk.state.drawing) }
    metrics.gauge(.modelsLoaded) { Double(await desk.state.loaded.count) }
    metrics.gauge(.pictures) { Double(await desk.state.counts.drawn) }
    metrics.gauge(.picturesCancelled) { Double(await desk.state.counts.cancelled) }
    metrics.gauge(.connections) { Double(connections.count) }
    metrics.addProcessFigures(version: programVersion)
  }
}
