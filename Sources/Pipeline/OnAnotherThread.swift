import Dispatch
import Foundation
import Synchronization

/// Work that is done on another thread, until somebody wants what comes of it.
final class OnAnotherThread<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let group = DispatchGroup()

  /// Begins.
  init(_ work: @escaping @Sendable () throws -> Value) {
    group.enter()
    onNewThread {
      let made = Result(catching: work)
      self.result.withLock { $0 = made }
      self.group.leave()
    }
  }

  /// Waits for the end of it.
  /// - Throws: what the work throws.
  func value() throws -> Value? {
    group.wait()
    return try result.withLock { $0 }?.get()
  }
}

/// Does work on a new thread; where the system has none to give, now and on this one. A queue of Dispatch would wait for
/// one for ever.
package func onNewThread(_ work: @escaping @Sendable () -> Void) {
  let context = Unmanaged.passRetained(Work(run: work))
  var thread = pthread_t()
  let error = pthread_create(
    &thread, nil,
    { context in
      if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
      return nil
    }, context.toOpaque())
  if error == 0 { pthread_detach(thread) } else { context.takeRetainedValue().run() }
}

/// What a C function can be handed.
private final class Work: Sendable {
  let run: @Sendable () -> Void
  init(run: @escaping @Sendable () -> Void) { self.run = run }
}
