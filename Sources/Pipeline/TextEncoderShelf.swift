import DiTModels
import DiTTensors
import DiTText
import Synchronization

/// The text encoder of a model: kept, or released after it was used and read again for the next prompt.
package final class TextEncoderShelf: Sendable {
  private let text: TextDescription
  private let backend: Backend
  private let releases: Bool
  private let loaded: Mutex<(any TextEncoder)?>

  /// Loads it, so that what is wrong with it is said before anything is drawn.
  /// - Parameter releases: whether its memory is better given to what is drawn.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  init(_ text: TextDescription, backend: Backend, releases: Bool) throws {
    (self.text, self.backend, self.releases) = (text, backend, releases)
    loaded = Mutex(try text.load(backend: backend))
  }

  /// - Parameter body: what it is used for; it is not to be kept.
  /// - Throws: `LoadError`, or what `body` throws.
  package func use<Result>(_ body: (any TextEncoder) throws -> Result) throws -> Result {
    let encoder = try loaded.withLock { loaded in
      defer { if releases { loaded = nil } }
      return try loaded ?? text.load(backend: backend)
    }
    return try body(encoder)
  }
}
