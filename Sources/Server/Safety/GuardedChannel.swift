import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Synchronization

/// HTTP/1 as Hummingbird speaks it, with a ``ConnectionGuard`` in each connection.
package struct GuardedChannel: ServerChildChannel, HTTPChannelHandler {
  package typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
  package let responder: Responder
  let limits: RequestLimits
  let connections: Connections

  package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    connections.add(channel)
    return channel.eventLoop.makeCompletedFuture {
      var sizes = NIOHTTPDecoderLimitConfiguration()
      sizes.maxHeaderFieldSize = limits.headerBytes
      sizes.maxHeaderListSize = limits.headerBytes
      sizes.maxHeaderFieldCount = limits.headerCount
      let pipeline = channel.pipeline.syncOperations
      try pipeline.configureHTTPServerPipeline(
        withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
        withEncoderConfiguration: .init(), withDecoderLimitConfiguration: sizes)
      try pipeline.addHandler(ConnectionGuard(limits))
      try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
      try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: .seconds(limits.idleTime), logger: logger))
      return try NIOAsyncChannel(
        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
  }

  package func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}

extension HTTPServerBuilder {
  package static func guarded(_ limits: RequestLimits, _ connections: Connections) -> HTTPServerBuilder {
    HTTPServerBuilder { GuardedChannel(responder: $0, limits: limits, connections: connections) }
  }
}

/// The connections there are.
package final class Connections: Sendable {
  private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

  package init() {}

  package var count: Int { channels.withLock { $0.count } }

  func add(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    channels.withLock { $0[id] = channel }
    channel.closeFuture.whenComplete { _ in self.channels.withLock { _ = $0.removeValue(forKey: id) } }
  }

  /// Ends all of them, whatever their clients have not read yet.
  package func closeAll() {
    for channel in channels.withLock({ Array($0.values) }) { channel.triggerUserOutboundEvent(ConnectionGuard.End(), promise: nil) }
  }

  /// Hummingbird ends the server for good at an error of `accept`, though a connection that was reset while it waited and a
  /// moment without free descriptors are such errors, too. Called once the server listens.
  package static func outliveAcceptErrors(_ server: any Channel, _ logger: Logger) async {
    try? await server.pipeline.addHandler(AcceptErrors(logger), position: .first)
  }
}

private final class AcceptErrors: ChannelInboundHandler, Sendable {
  typealias InboundIn = Channel
  private let logger: Logger
  private let said = Mutex(NIODeadline.uptimeNanoseconds(0))

  init(_ logger: Logger) { self.logger = logger }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let isNews = said.withLock { said in
      guard NIODeadline.now() - said > .seconds(10) else { return false }
      said = .now()
      return true
    }
    if isNews { logger.warning("a connection was not accepted", metadata: ["error": "\(error)"]) }
  }
}
