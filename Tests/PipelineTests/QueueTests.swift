import DiTImage
import DiTTensors
import DiTTestSupport
import DiTTextToImage
import DiTTransformer
import Dispatch
import Synchronization
import Testing

@Suite struct QueueTests {
  /// Counts what a probe saw of a drawing.
  private final class Counter: Sendable {
    private let seen = Mutex<[ProbePoint]>([])

    func note(_ point: ProbePoint) { seen.withLock { $0.append(point) } }
    var blocks: Int { seen.withLock { $0.filter { $0 == .block(0) || $0 == .block(1) }.count } }
    var all: [ProbePoint] { seen.withLock { $0 } }
  }

  private static func pictures(_ stream: AsyncThrowingStream<DrawingEvent, any Error>) async throws -> [Picture] {
    var result: [Picture] = []
    for try await event in stream {
      if case .finished(let drawn) = event { result = drawn.map(\.picture) }
    }
    return result
  }

  @Test func drawsInOrderWhatASessionDraws() async throws {
    let requests = try ["a red fox in snow", "an owl", ""].map { try MicroModel.request($0) }
    let model = try MicroModel.model()
    let expected = try requests.map { try model.draw([$0])[0].picture }
    let queue = try DrawingQueue(model)
    let order = Mutex<[Int]>([])
    let streams = requests.indices.map { index in
      queue.draw([requests[index]], probe: { point, _ in
        if point == .image { order.withLock { $0.append(index) } }
      })
    }
    var drawn: [Picture] = []
    for stream in streams { drawn += try await Self.pictures(stream) }
    #expect(drawn == expected)
    #expect(order.withLock { $0 } == [0, 1, 2])
    #expect(try await Self.pictures(queue.draw(requests, recordingAttention: true)) == expected)
  }

  /// The end and what belongs to it reach a consumer that slept through the drawing.
  @Test func slowConsumersMissStepsAlone() async throws {
    let queue = try DrawingQueue(MicroModel.model())
    var request = try MicroModel.request()
    request.steps = 30
    let stream = queue.draw([request], recordingAttention: true)
    _ = try await Self.pictures(queue.draw(request))  // the second is done: so is the first
    var names: [String] = []
    for try await event in stream {
      switch event {
      case .predictedOriginal, .step: names.append("step")
      case .attention(let block, _): names.append("attention \(block)")
      case .decoding: names.append("decoding")
      case .finished: names.append("finished")
      }
    }
    #expect(names.suffix(4) == ["attention 0", "attention 1", "decoding", "finished"])
    #expect(names.count < 60)
  }

  /// Of three drawings the second is cancelled while it computes and the third while it waits; a fourth is drawn.
  @Test func cancellingStopsWithinABlock() async throws {
    let queue = try DrawingQueue(MicroModel.model())
    let counters = (0..<4).map { _ in Counter() }
    let mayGoOn = DispatchSemaphore(value: 0)
    let (inside, arrived) = AsyncStream.makeStream(of: Void.self)
    let tasks = try (0..<4).map { index in
      // In this task, so that the queue gets them in order.
      let stream = try queue.draw([MicroModel.request(seed: UInt64(index))], probe: { point, _ in
        counters[index].note(point)
        guard index == 1, counters[1].blocks == 3, point == .block(0) else { return }
        arrived.yield()  // in the second step
        mayGoOn.wait()
      })
      return Task { try await Self.pictures(stream) }
    }
    for await _ in inside { break }
    tasks[1].cancel()
    tasks[2].cancel()
    for index in [1, 2] { await #expect(throws: CancellationError.self) { try await tasks[index].value } }
    mayGoOn.signal()
    #expect(try await tasks[0].value.count == 1)
    #expect(try await tasks[3].value.count == 1)
    #expect(counters[0].blocks == 8 && counters[3].blocks == 8)  // two blocks in four steps
    #expect(counters[1].blocks == 3)  // the one it was in
    #expect(counters[2].all.isEmpty)
  }

  /// A stream that is dropped is a drawing that nobody waits for.
  @Test func droppedStreamsAreNotDrawn() async throws {
    let queue = try DrawingQueue(MicroModel.model())
    let counter = Counter(), before = Counter()
    let mayGoOn = DispatchSemaphore(value: 0)
    let (inside, arrived) = AsyncStream.makeStream(of: Void.self)
    let first = try queue.draw([MicroModel.request()], probe: { point, _ in
      before.note(point)
      guard before.blocks == 1, point == .block(0) else { return }
      arrived.yield()
      mayGoOn.wait()
    })
    for await _ in inside { break }  // the second waits for the first from now on
    _ = try queue.draw([MicroModel.request()], probe: { point, _ in counter.note(point) })
    mayGoOn.signal()
    #expect(try await Self.pictures(first).count == 1)
    _ = try await Self.pictures(queue.draw(MicroModel.request()))
    #expect(counter.all.isEmpty)
  }

  @Test func errorsEndTheStream() async throws {
    let queue = try DrawingQueue(MicroModel.model())
    var wrong = try MicroModel.request()
    wrong.steps = 0
    await #expect(throws: RequestError.self) { try await Self.pictures(queue.draw(wrong)) }
    #expect(try await Self.pictures(queue.draw(MicroModel.request())).count == 1)
    #expect(try await Self.pictures(queue.draw([])).isEmpty)
  }
}
