import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// Watches over one connection, between HTTP's parser and Hummingbird: what is too large or too slow ends, and so does a
/// client that does not read its answer.
///
/// It also does what HTTP asks for and Hummingbird leaves out: `Expect: 100-continue`, clients of HTTP/1.0, and reading on
/// for a moment after an answer that comes before the body was read, without which the client may never see the answer.
final class ConnectionGuard: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let limits: RequestLimits
  /// Requests whose answer is not written yet; more than one where the client does not wait for answers.
  private var exchanges: [Exchange] = []
  private struct Exchange {
    let version: HTTPVersion
    var isLast: Bool
  }

  /// When the request that is being read began; nil: none is.
  private var readingSince: NIODeadline?
  private var received = 0
  /// What still comes is read and dropped.
  private var isDiscarding = false
  private var isClosing = false
  /// Parts that came after the last answer.
  private var dropped = 0
  /// When the last answer is with the system.
  private var lastEnd: EventLoopFuture<Void>?

  private var written = 0
  /// Bytes that the client has surely taken, and when there were more of them than before.
  private var drained = 0
  private var drainedAt = NIODeadline.now()
  private var isTicking = false

  init(_ limits: RequestLimits) { self.limits = limits }

  // MARK: reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosing else {
      dropped += 1
      return
    }
    switch unwrapInboundIn(data) {
    case .head(var head):
      begin(head, context)
      head.keepOneHost()
      context.fireChannelRead(wrapInboundOut(.head(head)))
    case .body(let bytes):
      received += bytes.readableBytes
      if received > limits.bodyBytes, !isDiscarding {
        refuse(.contentTooLarge, "the body is larger than the \(limits.bodyBytes >> 20) MiB that this server takes", context)
      }
      if !isDiscarding { context.fireChannelRead(data) }
    case .end:
      readingSince = nil
      if !isDiscarding { context.fireChannelRead(data) }
    }
  }

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    // NIO's parser reads nothing behind a request for an upgrade, and there is none here.
    let isLast = !head.isKeepAlive || head.headers.contains(name: "Upgrade") || head.method == .CONNECT
    exchanges.append(Exchange(version: head.version, isLast: isLast))
    readingSince = .now()
    received = 0
    drainedAt = .now()
    let length = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
    if head.headers.first(name: "Expect")?.lowercased() == "100-continue", head.version == .http1_1, exchanges.count == 1,
      length <= limits.bodyBytes
    {
      context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }
    if !isTicking {
      isTicking = true
      tick(context)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if isClosing || isDiscarding { context.read() }  // nobody behind asks for more
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if isClosing, event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  /// Whoever reads the body gets an error, which becomes the answer; the connection ends with it.
  private func refuse(_ status: HTTPResponse.Status, _ message: String, _ context: ChannelHandlerContext) {
    isDiscarding = true
    if !exchanges.isEmpty { exchanges[exchanges.count - 1].isLast = true }
    context.fireErrorCaught(RefusedRequest(status, message))
    // Who was too slow once is not waited for again.
    after(.seconds(5), context) { if !self.isClosing || status == .requestTimeout { context.close(promise: nil) } }
    context.read()
  }

  // MARK: writing

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where head.status.code >= 200:
      // What stands at no request answers something that is no HTTP.
      let isUnread = exchanges.count <= 1 && readingSince != nil
      let isLast = exchanges.first?.isLast ?? true || isUnread || head.headers["Connection"].contains("close")
      if !exchanges.isEmpty { exchanges[0].isLast = isLast }
      head.version = exchanges.first?.version ?? .http1_1
      if isLast { head.headers.replaceOrAdd(name: "Connection", value: "close") }
      if !isLast, head.version != .http1_1 { head.headers.replaceOrAdd(name: "Connection", value: "keep-alive") }
      // Without a length only the connection's end says to HTTP/1.0 where the body ends.
      if head.version != .http1_1, !head.headers.contains(name: "Content-Length"), !exchanges.isEmpty {
        exchanges[0].isLast = true
        head.headers.replaceOrAdd(name: "Connection", value: "close")
      }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .body(let bytes):
      written += bytes.readableBytes
      context.write(data, promise: promise)
    case .end:
      let isLast = exchanges.isEmpty || exchanges.removeFirst().isLast
      let end = promise ?? context.eventLoop.makePromise()
      lastEnd = end.futureResult
      context.write(data, promise: end)
      if isLast { endAfterAnswer(context) }
    case .head: context.write(data, promise: promise)
    }
  }

  /// Closes our half, and reads on while something comes: a connection that is closed with something unread takes the answer
  /// with it, and many clients look for one only when all is sent.
  private func endAfterAnswer(_ context: ChannelHandlerContext) {
    guard !isClosing else { return }
    isClosing = true
    context.flush()
    lastEnd?.assumeIsolated().whenComplete { _ in
      context.close(mode: .output, promise: nil)
      self.linger(context, since: .now())
    }
    context.read()
  }

  /// Whoever closes after an answer means after all of it: NIO would drop what the client has not taken yet.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .all, let lastEnd, buffered(context) > 0 else { return context.close(mode: mode, promise: promise) }
    isClosing = true
    lastEnd.assumeIsolated().whenComplete { _ in context.close(promise: promise) }
  }

  /// Ends the connection, whatever is unread.
  struct End: Sendable {}

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    if event is End { context.close(promise: promise) } else { context.triggerUserOutboundEvent(event, promise: promise) }
  }

  private func linger(_ context: ChannelHandlerContext, since start: NIODeadline) {
    let before = dropped
    after(.seconds(1), context) {
      let stays = self.dropped > before && self.seconds(.now() - start) < self.limits.requestTime
      stays ? self.linger(context, since: start) : context.close(promise: nil)
    }
  }

  private func after(_ time: TimeAmount, _ context: ChannelHandlerContext, _ work: @escaping () -> Void) {
    context.eventLoop.assumeIsolated().scheduleTask(in: time, work)
  }

  private func buffered(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }

  // MARK: time

  private func tick(_ context: ChannelHandlerContext) {
    let buffered = buffered(context)
    guard context.channel.isActive, !exchanges.isEmpty || buffered > 0 else {
      isTicking = false
      return
    }
    let now = NIODeadline.now()
    // While earlier requests of the client are answered nobody reads the next.
    if let readingSince, exchanges.count == 1, !isDiscarding,
      seconds(now - readingSince) > limits.requestTime + Double(received) / limits.slowest
    {
      refuse(.requestTimeout, "the request took too long to come", context)
    }
    if buffered == 0 || written - buffered > drained {
      drained = written - buffered
      drainedAt = now
    } else if seconds(now - drainedAt) > limits.stallTime {
      context.close(promise: nil)
    }
    after(.milliseconds(Int64(limits.tick * 1000)), context) { self.tick(context) }
  }

  private func seconds(_ time: TimeAmount) -> Double { Double(time.nanoseconds) / 1e9 }
}

extension HTTPRequestHead {
  /// The host of a target in absolute form counts, whatever `Host` says (RFC 9112, 3.2.2); of several none does.
  fileprivate mutating func keepOneHost() {
    if headers["Host"].count > 1 { headers.remove(name: "Host") }
    guard !uri.hasPrefix("/"), let scheme = uri.firstRange(of: "://"), headers.contains(name: "Host") else { return }
    headers.replaceOrAdd(name: "Host", value: String(uri[scheme.upperBound...].prefix { !"/?#".contains($0) }))
  }
}
