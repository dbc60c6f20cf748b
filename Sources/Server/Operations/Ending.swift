import DiTFiles
import Dispatch
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

extension Server {
  /// Serves until a signal says to end, and then what is being drawn is returned, within the time there is for it. A second
  /// signal ends at once.
  /// - Parameter onRunning: is told the port that was taken.
  /// - Throws: where it cannot listen.
  package func run(onRunning: @escaping @Sendable (Int) async -> Void) async throws {
    let group = ServiceGroup(configuration: .init(services: [try makeApplication(onRunning: onRunning)], logger: quietLogger))
    let signals = Signals { number, isFirst in
      logger.notice(isFirst ? "ending" : "ending at once", metadata: ["signal": "\(number)", "grace": "\(options.grace)"])
      if isFirst { Task { await end(group) } }
    }
    defer { withExtendedLifetime(signals) {} }
    try await group.run()
    await wait(seconds: options.grace) { await teaching.isIdle }  // what was learnt is being kept
    logger.notice("ended")
  }

  /// Nothing here waits for a client: one that never reads its answer would otherwise keep the server.
  private func end(_ group: ServiceGroup) async {
    await desk.close()
    await teaching.close()
    await group.triggerGracefulShutdown()
    await wait(seconds: options.grace) {
      let isTaught = await teaching.isIdle
      return await desk.isIdle && isTaught && connections.count == 0
    }
    await desk.cancelAll()
    await wait(seconds: 3) { connections.count == 0 }  // for those who were cancelled to be told so
    connections.closeAll()
    try? await Task.sleep(for: .seconds(2))
    logger.warning("ended with work undone")
    TemporaryFiles.removeAll()
    exit(0)
  }
}

private func wait(seconds: Double, until isDone: () async -> Bool) async {
  let end = ContinuousClock.now + .seconds(seconds)
  while await !isDone(), .now < end { try? await Task.sleep(for: .milliseconds(50)) }
}

/// SIGTERM, SIGINT and SIGHUP, unless whoever started the server has them ignored.
private final class Signals {
  private var sources: [any DispatchSourceSignal] = []

  /// - Parameter told: is told each on another thread; after the second the process is no more.
  init(told: @escaping @Sendable (_ number: Int32, _ isFirst: Bool) -> Void) {
    let queue = DispatchQueue(label: "signals")
    let count = Counter()
    for number in [SIGTERM, SIGINT, SIGHUP] where !isIgnored(number) {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        count.value += 1
        told(number, count.value == 1)
        guard count.value > 1 else { return }
        TemporaryFiles.removeAll()
        _exit(128 + number)
      }
      source.resume()
      sources.append(source)
    }
  }

  /// Belongs to the queue.
  private final class Counter: @unchecked Sendable { var value = 0 }

  private func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
