import Dispatch

/// Runs an actor's work on a thread of its own: a drawing takes seconds, for which Swift's few threads must not be held.
final class DrawingThread: SerialExecutor {
  private let queue = DispatchQueue(label: "dit-t2i.drawing")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}
