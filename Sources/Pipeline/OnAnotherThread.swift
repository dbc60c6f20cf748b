import Dispatch
import Synchronization

/// Work that is done on another thread, until somebody wants what comes of it.
final class OnAnotherThread<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let group = DispatchGroup()

  /// Begins.
  init(_ work: @escaping @Sendable () throws -> Value) {
    DispatchQueue.global().async(group: group) {
      let made = Result(catching: work)
      self.result.withLock { $0 = made }
    }
  }

  /// Waits for the end of it.
  /// - Throws: what the work throws.
  func value() throws -> Value? {
    group.wait()
    return try result.withLock { $0 }?.get()
  }
}
