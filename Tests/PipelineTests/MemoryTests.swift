import DiTCKernels
import DiTErrors
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import Testing

/// Memory that runs out anywhere between the model's files and the pixels is an error of that kind, never another picture.
/// Whatever is allocated for tensors, packed weights and scratch counts; the hook is this thread's alone.
@Suite struct MemoryTests {
  /// Runs `work` with its first allocation failing, then its second, and so on until one run meets none that fails.
  /// - Returns: how many could fail.
  private func failingEach(_ what: String, _ work: () throws -> [UInt8]) throws -> Int {
    let expected = try work()
    for n in 1...100_000 {
      dk_fail_allocation(n)
      defer { dk_fail_allocation(0) }
      let before = dk_allocations()
      do {
        let pixels = try work()
        #expect(pixels == expected, "\(what): allocation \(n) failed, and another picture came of it")
        if dk_allocations() - before < n { return n - 1 }
      } catch let error as any UserError {
        #expect(error.kind == .outOfMemory, "\(what), allocation \(n): \(error)")
      }
    }
    return 100_000
  }

  @Test func loading() throws {
    let count = try failingEach("loading") {
      _ = try MicroModel.model()
      return []
    }
    #expect(count > 50)
  }

  @Test func drawing() throws {
    let model = try MicroModel.model()
    var request = try MicroModel.request("a fox")
    request.classIndex = 3
    request.steps = 2
    let count = try failingEach("drawing") { try model.makeSession().draw([request])[0].picture.pixels }
    #expect(count > 50)
  }
}
