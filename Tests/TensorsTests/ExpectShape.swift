import DiTTensors
import Testing

/// Operands that do not fit each other: an error that says so, and no other.
func expectShape(_ what: String, _ body: () throws -> Void) {
  do {
    try body()
    Issue.record("\(what) was taken")
  } catch BackendError.shape(let text) {
    #expect(!text.isEmpty)
  } catch {
    Issue.record("\(what): \(error)")
  }
}
