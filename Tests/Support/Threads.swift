import Dispatch
import Foundation
import Synchronization

/// Runs `body` on so many threads that begin together, each with its index, and waits for all.
/// - Returns: what each returned, in any order; or throws what one of them threw.
public func onThreads<Value: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
  let results = Results<Value>()
  let (ready, start, done) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
  for index in 0..<count {
    Thread.detachNewThread {
      ready.signal()
      start.wait()
      let result = Result { try body(index) }
      results.all.withLock { $0.append(result) }
      done.signal()
    }
  }
  for _ in 0..<count { ready.wait() }
  for _ in 0..<count { start.signal() }
  for _ in 0..<count { done.wait() }
  return try results.all.withLock { try $0.map { try $0.get() } }
}

private final class Results<Value: Sendable>: Sendable {
  let all = Mutex<[Result<Value, any Error>]>([])
}
