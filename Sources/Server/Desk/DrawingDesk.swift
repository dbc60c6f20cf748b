import DiTBatch
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation
import Logging

/// One queue for everybody: pictures are drawn in the order they were asked for in, and those that can share a run are drawn
/// together, in as many as is best. Each has the bytes it has when it is drawn alone.
package actor DrawingDesk {
  package nonisolated let shelf: ModelShelf
  package nonisolated let limits: OrderLimits
  /// Pictures that may wait.
  private let room: Int
  private let metrics: Metrics
  /// Is told what is ordered; nil: that is nobody's business.
  private let promptLog: Logger?
  private var waiting: [Seat] = []
  private var drawing: [Seat] = []
  private var run: Task<Void, Never>?
  /// Whether it draws, for whoever gives way to that.
  nonisolated let isWorking = SharedFlag()
  private var isClosed = false
  /// Of the last pictures: what one took.
  private var secondsEach = 5.0
  package private(set) var counts = DeskCounts()

  package init(
    _ shelf: ModelShelf, room: Int = 64, limits: OrderLimits = OrderLimits(), metrics: Metrics = Metrics(),
    promptLog: Logger? = nil
  ) {
    (self.shelf, self.room, self.limits, self.metrics, self.promptLog) = (shelf, room, limits, metrics, promptLog)
  }

  package var queueLength: (waiting: Int, drawing: Int) { (waiting.count, drawing.count { !$0.isGone }) }

  // MARK: orders

  /// Takes an order.
  /// - Throws: a `UserError`: what is wrong with the fields, or ``DeskError``.
  package nonisolated func submit(_ fields: PictureFields) async throws -> DeskOrder {
    let folder = try shelf.folder(fields.model)
    let (limits, adapters) = (limits, shelf.adapters)
    let read = { @Sendable () throws -> (requests: [GenerationRequest], notes: [String]) in
      var notes: [String] = []
      let requests = try fields.requests(for: folder, limits: limits, adapters: adapters) {
        notes.append($0.note(folder, without: "lora: false"))
      }
      return (requests, notes)
    }
    // Pictures to start from, long texts and LoRAs take a while to read.
    let prompt = fields.prompt ?? ""
    let isShort = fields.image == nil && prompt.utf8.count + (fields.negative ?? "").utf8.count < 2000
    let isPlain = isShort && !prompt.contains("<") && adapters?.words.named(in: prompt).isEmpty != false
    let (requests, notes) = try isPlain ? read() : await onThread(read)
    return try await add(requests, notes, folder, previews: fields.previews ?? 0, attention: fields.attention ?? false)
  }

  private func add(
    _ requests: [GenerationRequest], _ notes: [String], _ folder: ModelFolder, previews: Int, attention: Bool
  ) throws -> DeskOrder {
    guard !isClosed else { throw DeskError.closed }
    guard waiting.count + requests.count <= room else {
      counts.refused += 1
      throw DeskError.full(retryAfter: max(1, Int((Double(waiting.count + drawing.count) * secondsEach / 2).rounded(.up))))
    }
    let (events, continuation) = AsyncThrowingStream.makeStream(of: DeskEvent.self)
    let order = Seat.Order(events: continuation, missing: requests.count)
    let steps = folder.steps(of: requests[0])
    let seats = requests.enumerated().map { index, request in
      Seat(
        index, request, folder, order, steps: steps, records: attention,
        // The last step's is the picture itself.
        previews: DrawingRecord.chosen(of: steps, count: previews + 1).dropLast().map { $0 + 1 })
    }
    continuation.onTermination = { [weak self] reason in
      guard case .cancelled = reason, let self else { return }
      Task { await self.leave(seats) }
    }
    waiting += seats
    counts.asked += seats.count
    announce()
    if !isWorking.value {
      isWorking.value = true
      Task { await work() }
    }
    promptLog?.info(
      "order",
      metadata: [
        "order": "\(order.id)", "model": "\(folder.name)", "pictures": "\(requests.count)", "prompt": "\(requests[0].prompt)",
        "negative": "\(requests[0].negativePrompt)",
      ])
    return DeskOrder(id: order.id, model: folder.name, requests: requests, notes: notes, events: events)
  }

  /// Their client has gone.
  private func leave(_ seats: [Seat]) {
    for seat in seats where !seat.isGone && !seat.isDone {
      seat.isGone = true
      counts.cancelled += 1
    }
    waiting.removeAll { $0.isGone }
    if !drawing.isEmpty, drawing.allSatisfy(\.isGone) { run?.cancel() }
    announce()
  }

  /// Tells everybody who waits how many are in front, where that has changed.
  private func announce() {
    var told: Set<String> = []
    let ahead = drawing.count { !$0.isGone }
    for (index, seat) in waiting.enumerated() where told.insert(seat.order.id).inserted {
      guard seat.order.ahead != ahead + index else { continue }
      seat.order.ahead = ahead + index
      seat.order.events.yield(.queued(ahead: ahead + index))
    }
  }

  // MARK: drawing

  private func work() async {
    while let first = waiting.first {
      do {
        let model = try await shelf.model(first.folder)
        guard !first.isGone else { continue }
        await draw(takeBatch(with: first, model.model), model)
      } catch {
        waiting.removeAll { $0.order === first.order }
        first.order.events.finish(throwing: error)
      }
    }
    isWorking.value = false
  }

  /// The first of those that wait and the next that can be drawn with it.
  private func takeBatch(with first: Seat, _ model: TextToImage) -> [Seat] {
    let most = RequestGroups.size(tokens: model.folder.drawnGrid(of: first.request).count)
    let batch = waiting.filter { $0.folder.name == first.folder.name && $0.request.sharesRun(with: first.request) }.prefix(most)
    waiting.removeAll { seat in batch.contains { $0 === seat } }
    return Array(batch)
  }

  private func draw(_ seats: [Seat], _ model: LoadedModel) async {
    drawing = seats
    announce()
    let run = Task {
      do {
        try await follow(seats, model)
      } catch {
        // Who is gone reads how its stream ends, and that is as it was when it went: an interruption is no error.
        for seat in seats where !seat.isGone { seat.order.events.finish(throwing: error) }
      }
    }
    self.run = run
    await run.value
    drawing = []
    self.run = nil
  }

  /// Draws, and tells each order what becomes of its pictures.
  private func follow(_ seats: [Seat], _ model: LoadedModel) async throws {
    let begin = ContinuousClock.now
    let seconds = { (ContinuousClock.now - begin) / .seconds(1) }
    let events = model.queue.draw(seats.map(\.request), recordingAttention: seats.contains { $0.recordsAttention })
    var records = seats.indices.map { DrawingRecord(of: $0) }
    for try await event in events {
      for (index, seat) in seats.enumerated() where seat.recordsAttention { records[index].note(event) }
      switch event {
      case .predictedOriginal(let step, let latents):
        for (seat, latents) in zip(seats, latents) where seat.isShown(after: step) { preview(seat, step, latents, model.model) }
      case .step(let step, let steps):
        let left = seconds() / Double(step) * Double(steps - step)
        for seat in seats where !seat.isGone {
          seat.order.events.yield(.step(picture: seat.index, step, of: steps, secondsLeft: left))
        }
      case .attention, .decoding: break
      case .finished(let drawn):
        secondsEach = seconds() / Double(seats.count)
        for (index, (seat, drawn)) in zip(seats, drawn).enumerated() where !seat.isGone {
          seat.isDone = true
          counts.drawn += 1
          metrics.observe(.pictureSeconds, ["model": model.model.folder.name], seconds: (.now - seat.since) / .seconds(1))
          hand(drawn, to: seat, seat.recordsAttention ? records[index] : nil, model, seconds: seconds())
        }
      }
    }
  }

  /// Decodes on another thread what the model foresees; one at a time for each picture, as it is only for looking at.
  private func preview(_ seat: Seat, _ step: Int, _ latents: Latents, _ model: TextToImage) {
    guard !seat.isGone, !seat.isPreviewed else { return }
    seat.isPreviewed = true
    Task {
      let picture = try? await onThread { try model.picture(of: latents) }
      seat.isPreviewed = false
      if let picture, !seat.isDone { seat.order.events.yield(.preview(picture: seat.index, step: step, picture)) }
    }
  }

  /// Encodes a picture while the next ones are drawn, and gives it to who waits for it.
  private func hand(
    _ drawn: GeneratedPicture, to seat: Seat, _ record: DrawingRecord?, _ model: LoadedModel, seconds: Double
  ) {
    let index = seat.index
    Task {
      do {
        let picture = try await onThread {
          let parameters = model.metadata.parameters(of: drawn)
          return DeskPicture(
            index: index, request: drawn.request, picture: drawn.picture, parameters: parameters,
            png: try drawn.picture.encoded(texts: [parameters.pngText]),
            attention: try record?.wordAttention(model.model, drawn.request), seconds: seconds)
        }
        seat.order.events.yield(.picture(picture))
        seat.order.missing -= 1
        if seat.order.missing == 0 { seat.order.events.finish() }
      } catch {
        seat.order.events.finish(throwing: error)
      }
    }
  }

  // MARK: the end

  /// Takes no more orders; what waits is still drawn.
  package func close() { isClosed = true }

  /// How it is, for whoever watches.
  package var state: DeskState {
    get async {
      DeskState(
        models: shelf.names, loaded: await shelf.inMemory, waiting: waiting.count, drawing: queueLength.drawing, counts: counts,
        isClosed: isClosed)
    }
  }

  /// Whether everything that was taken is drawn.
  package var isIdle: Bool { waiting.isEmpty && drawing.isEmpty }

  /// Gives up what is not drawn yet.
  package func cancelAll() {
    let seats = waiting + drawing
    waiting = []
    for seat in seats { seat.order.events.finish(throwing: DeskError.closed) }
    run?.cancel()
  }
}

/// Pictures since the start.
package struct DeskCounts: Sendable, Equatable {
  package var asked = 0, drawn = 0, cancelled = 0
  /// Orders.
  package var refused = 0

  package init(asked: Int = 0, drawn: Int = 0, cancelled: Int = 0, refused: Int = 0) {
    (self.asked, self.drawn, self.cancelled, self.refused) = (asked, drawn, cancelled, refused)
  }
}

/// A desk at one moment.
package struct DeskState: Sendable {
  /// All models' names, and of those in memory.
  package let models, loaded: [String]
  /// In pictures.
  package let waiting, drawing: Int
  package let counts: DeskCounts
  package let isClosed: Bool
}

/// One picture in the queue. Everything in it belongs to the desk.
private final class Seat: @unchecked Sendable {
  let index: Int
  let request: GenerationRequest
  let folder: ModelFolder
  let order: Order
  let recordsAttention: Bool
  /// Steps after which it is still to be shown.
  private var previews: [Int]
  let since = ContinuousClock.now
  var isGone = false, isDone = false, isPreviewed = false

  final class Order: @unchecked Sendable {
    let id = UUID().uuidString.lowercased()
    let events: AsyncThrowingStream<DeskEvent, any Error>.Continuation
    var missing: Int
    var ahead: Int?

    init(events: AsyncThrowingStream<DeskEvent, any Error>.Continuation, missing: Int) {
      (self.events, self.missing) = (events, missing)
    }
  }

  init(
    _ index: Int, _ request: GenerationRequest, _ folder: ModelFolder, _ order: Order, steps: Int, records: Bool,
    previews: [Int]
  ) {
    (self.index, self.request, self.folder, self.order) = (index, request, folder, order)
    (recordsAttention, self.previews) = (records, previews)
  }

  /// Whether its turn to be shown has come; a busy machine may have left out the very step.
  func isShown(after step: Int) -> Bool {
    guard let next = previews.first, step >= next else { return false }
    previews.removeAll { $0 <= step }
    return true
  }
}
