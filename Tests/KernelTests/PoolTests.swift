import DiTCKernels
import Foundation
import Testing

/// Every task is done once, by a thread of the engine, before `dk_parallel` returns.
@Suite struct PoolTests {
  private struct Job {
    var counts: UnsafeMutablePointer<Int32>
    var threads: Int
    var strays: UnsafeMutablePointer<Int32>
  }

  private static func run(_ engine: TestEngine, tasks: Int) -> Bool {
    var counts = [Int32](repeating: 0, count: max(1, tasks)), strays = Int32(0)
    let status = counts.withUnsafeMutableBufferPointer { counts in
      withUnsafeMutablePointer(to: &strays) { strays in
        engine.use { pointer in
          var job = Job(counts: counts.baseAddress!, threads: Int(dk_engine_threads(pointer)), strays: strays)
          return dk_parallel(
            pointer, 0, tasks,
            { context, task, thread in
              let job = context!.assumingMemoryBound(to: Job.self).pointee
              job.counts[task] += 1
              if thread < 0 || Int(thread) >= job.threads { job.strays.pointee += 1 }
            }, &job)
        }
      }
    }
    return status == DK_OK && strays == 0 && (tasks == 0 ? counts[0] == 0 : counts.allSatisfy { $0 == 1 })
  }

  @Test(arguments: [1, 2, 4, 16])
  func everyTaskIsDoneOnce(threads: Int) throws {
    let engine = try TestEngine(threads: threads)
    #expect(engine.use(dk_engine_threads) == threads)
    for round in 0..<1500 { #expect(Self.run(engine, tasks: round % 97)) }
    #expect(Self.run(engine, tasks: 100_000))
  }

  @Test func sleepingWorkersWake() throws {
    let engine = try TestEngine(threads: 3)
    for round in 0..<40 {
      usleep(useconds_t(round * 20))  // around the time they fall asleep
      #expect(Self.run(engine, tasks: 50))
    }
  }

  @Test func enginesComeAndGo() throws {
    for round in 0..<100 {
      let engine = try TestEngine(threads: 1 + round % 5)
      if round % 2 == 0 { #expect(Self.run(engine, tasks: 10)) }
    }
  }

  @Test func callersShareAnEngine() throws {
    nonisolated(unsafe) let engine = try TestEngine(threads: 2)
    let failures = Failures()
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      for _ in 0..<300 where !Self.run(engine, tasks: 20) { failures.add() }
    }
    #expect(failures.count == 0)
  }

  private final class Failures: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var count = 0
    func add() { lock.withLock { count += 1 } }
  }
}
