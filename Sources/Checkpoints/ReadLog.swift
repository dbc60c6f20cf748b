import Synchronization

/// Which tensors of a checkpoint were read, by stored name.
final class ReadLog: Sendable {
  private let names = Mutex<Set<TensorName>>([])

  func insert(_ name: TensorName) { names.withLock { _ = $0.insert(name) } }
  func contains(_ name: TensorName) -> Bool { names.withLock { $0.contains(name) } }
}
