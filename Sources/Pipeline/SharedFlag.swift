import Synchronization

/// What several threads set and look at.
package final class SharedFlag: Sendable {
  private let flag = Atomic(false)

  package init() {}

  package var value: Bool {
    get { flag.load(ordering: .relaxed) }
    set { flag.store(newValue, ordering: .relaxed) }
  }

  /// - Throws: `CancellationError` where it is set.
  package func check() throws { if value { throw CancellationError() } }
}
