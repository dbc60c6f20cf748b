import DiTTensors
import Foundation
import Synchronization

/// Draws what it is asked for, one drawing after the other in the order of the calls, on a thread of its own.
///
///     for try await event in queue.draw(request) {
///       if case .finished(let pictures) = event { try pictures[0].picture.write(to: url) }
///     }
///
/// A drawing is the consumer's: when its task is cancelled or the stream is dropped, the drawing stops before the next
/// block of the transformer, and one that still waits is never begun. Pictures are those of ``DrawingSession``, to the
/// byte.
public actor DrawingQueue {
  /// What it draws with.
  public nonisolated let model: TextToImage
  private let session: DrawingSession
  private nonisolated let thread = DrawingThread()
  private nonisolated let waiting = Mutex<[Order]>([])

  /// The thread of its own, so that drawing never blocks Swift's own threads.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// - Parameters:
  ///   - model: what it draws with.
  ///   - textCache: a folder where text states are kept from run to run.
  /// - Throws: as ``TextToImage/makeSession(textCache:)``.
  public init(_ model: TextToImage, textCache: URL? = nil) throws {
    self.model = model
    session = try model.makeSession(textCache: textCache)
  }

  /// Draws one picture.
  /// - Returns: what happens, as for several pictures.
  public nonisolated func draw(
    _ request: GenerationRequest, recordingAttention: Bool = false
  ) -> AsyncThrowingStream<DrawingEvent, any Error> {
    draw([request], recordingAttention: recordingAttention)
  }

  /// Draws pictures of one run together (``GenerationRequest/sharesRun(with:)``).
  /// - Parameters:
  ///   - requests: equal but for words, classes and seeds.
  ///   - recordingAttention: also tells where the words were looked for.
  /// - Returns: what happens, ``DrawingEvent/finished(_:)`` last. A consumer that is slow misses steps, never the end. The
  ///   stream throws what the session's drawing throws, and `CancellationError` in a task that is cancelled.
  public nonisolated func draw(
    _ requests: [GenerationRequest], recordingAttention: Bool = false
  ) -> AsyncThrowingStream<DrawingEvent, any Error> {
    draw(requests, recordingAttention: recordingAttention, probe: nil)
  }

  /// As ``draw(_:recordingAttention:)``, with a look inside. Draws pictures of one run together (``GenerationRequest/sharesRun(with:)``).
  /// - Parameters:
  ///   - requests: equal but for words, classes and seeds.
  ///   - recordingAttention: also tells where the words were looked for.
  ///   - probe: as ``DrawingSession/draw(_:recordingAttention:onEvent:probe:)``; it is called on the queue's thread.
  /// - Returns: what happens, ``DrawingEvent/finished(_:)`` last. A consumer that is slow misses steps, never the end. The
  ///   stream throws what the session's drawing throws, and `CancellationError` in a task that is cancelled.
  package nonisolated func draw(
    _ requests: [GenerationRequest], recordingAttention: Bool = false,
    probe: (@Sendable (ProbePoint, Tensor) throws -> Void)?
  ) -> AsyncThrowingStream<DrawingEvent, any Error> {
    // What must not be lost comes last: the maps of all blocks, decoding, and the pictures.
    let room = 8 + (recordingAttention ? model.folder.transformer.blockCount : 0)
    let (stream, events) = AsyncThrowingStream.makeStream(
      of: DrawingEvent.self, throwing: (any Error).self, bufferingPolicy: .bufferingNewest(room))
    let order = Order(requests, recordingAttention, probe, events)
    events.onTermination = { [isGone = order.isGone] _ in
      isGone.value = true
      // Before the stream ends by itself, as if all were done; after its end this means nothing.
      events.finish(throwing: CancellationError())
    }
    waiting.withLock { $0.append(order) }
    Task { await drawNext() }
    return stream
  }

  /// Tasks may come here in another order than they were made in; orders are taken in theirs.
  private func drawNext() {
    let order = waiting.withLock { $0.removeFirst() }
    do {
      try order.isGone.check()
      try session.draw(
        order.requests, recordingAttention: order.recordingAttention,
        onEvent: { event in
          try order.isGone.check()
          order.events.yield(event)
        },
        probe: { point, tensor in
          try order.isGone.check()
          try order.probe?(point, tensor)
        })
      order.events.finish()
    } catch {
      order.events.finish(throwing: error)
    }
  }
}

/// One call of ``DrawingQueue/draw(_:recordingAttention:probe:)``.
private struct Order: Sendable {
  let requests: [GenerationRequest]
  let recordingAttention: Bool
  let probe: (@Sendable (ProbePoint, Tensor) throws -> Void)?
  let events: AsyncThrowingStream<DrawingEvent, any Error>.Continuation
  /// Whether nobody listens any more.
  let isGone = SharedFlag()

  init(
    _ requests: [GenerationRequest], _ recordingAttention: Bool,
    _ probe: (@Sendable (ProbePoint, Tensor) throws -> Void)?,
    _ events: AsyncThrowingStream<DrawingEvent, any Error>.Continuation
  ) {
    (self.requests, self.recordingAttention, self.probe, self.events) = (requests, recordingAttention, probe, events)
  }
}
