import DiTTeaching
import DiTTextToImage
import Foundation
import Synchronization

/// A run that teaches, and how far it is. One thread works, others look and may end it.
final class TeachingJob: Sendable {
  let id = UUID().uuidString.lowercased()
  private let order: TeachingOrder
  private let model: String
  private let state = Mutex(State())
  private let isStopped = SharedFlag()

  enum Phase: String { case preparing, learning, drawing, done, cancelled, failed }

  private struct State {
    var phase = Phase.preparing
    let begin = ContinuousClock.now
    var end: ContinuousClock.Instant?
    var notes: [String] = []
    var pictures = 0
    var preparing: String?
    var samples = 0
    var planned: Int?
    var loss: Float?
    var curve = LossCurve()
    /// When this run began to learn, and after how many samples.
    var first: (at: ContinuousClock.Instant, samples: Int)?
    var sheet: URL?
    var error: String?
  }

  init(_ order: TeachingOrder, model: String) { (self.order, self.model) = (order, model) }

  var phase: Phase { state.withLock { $0.phase } }

  /// Whether nothing happens any more.
  var isOver: Bool { state.withLock { $0.end != nil } }

  /// Ends it after its next step; what was learnt is kept.
  func stop() { isStopped.value = true }

  /// A picture with the newest sheet; in the end it is the report.
  var sheet: URL? { state.withLock { $0.sheet } }

  /// Nil: nothing has been learnt yet.
  var curve: LossCurve? { state.withLock { $0.loss == nil ? nil : $0.curve } }

  // MARK: work

  /// - Parameter pictures: that differ.
  func prepared(_ pictures: Int, _ notes: [String]) { state.withLock { ($0.pictures, $0.notes) = (pictures, notes) } }

  /// Works until it is done, stopped or cannot go on.
  /// - Parameters:
  ///   - giveWay: is called before each step, with what ends it.
  ///   - line: what is said of an error.
  /// - Returns: what says that it is over, for when the run has let go of its folder.
  func work(_ run: TeachingRun, giveWay: (SharedFlag) -> Void, line: (any Error) -> String) -> () -> Void {
    state.withLock { $0.curve = run.curve }
    do {
      let result = try run.run(
        isStopped: {
          giveWay(isStopped)
          return isStopped.value
        }, report: note)
      return { self.end(.done) { $0.sheet = result.report } }
    } catch is CancellationError {
      return { self.end(.cancelled) }
    } catch {
      let text = line(error)
      return { self.end(.failed) { $0.error = text } }
    }
  }

  private func end(_ phase: Phase, _ change: (inout State) -> Void = { _ in }) {
    state.withLock { state in
      (state.phase, state.end) = (phase, .now)
      change(&state)
    }
  }

  private func note(_ event: TeachingRun.Event) {
    state.withLock { state in
      switch event {
      case .note(let text): state.notes.append(text)
      case .preparing(let part, let what): state.preparing = "\(what), \(Int(part * 100)) %"
      case .learnt(let samples, let planned, let loss):
        (state.phase, state.samples, state.planned, state.loss) = (.learning, samples, planned, loss)
        state.curve.add(loss, samples: samples)
        state.first = state.first ?? (.now, samples)
      case .drawing: state.phase = .drawing
      case .sheet(let url): state.sheet = url
      }
    }
  }

  // MARK: what is said of it

  /// What a client is told.
  var report: JSON {
    let batch = LessonOrder.batch
    let link = { (name: String, isThere: Bool) in JSON(isThere ? "/v1/teach/\(self.id)/\(name)" : nil) }
    return state.withLock { state in
      [
        "id": JSON(id), "state": JSON(state.phase.rawValue), "name": JSON(order.name), "word": JSON(order.wording.word),
        "model": JSON(model), "style": JSON(order.wording.isStyle), "pictures": JSON(state.pictures), "notes": JSON(state.notes),
        "preparing": state.phase == .preparing ? JSON(state.preparing) : nil, "step": JSON(state.samples / batch),
        "steps": JSON(state.planned.map { $0 / batch }), "samples": JSON(state.samples), "of": JSON(state.planned),
        "loss": JSON(state.loss), "seconds": JSON(Self.rounded((state.end ?? .now) - state.begin)),
        "seconds_left": JSON(Self.left(state)), "sheet": link("sheet", state.sheet != nil),
        "curve": link("curve", state.loss != nil), "error": JSON(state.error),
      ]
    }
  }

  /// By the time of all steps until now, with what they have waited for drawings.
  private static func left(_ state: State) -> Double? {
    guard state.end == nil, let planned = state.planned, let (at, samples) = state.first, state.samples > samples else {
      return nil
    }
    return rounded((.now - at) * (Double(planned - state.samples) / Double(state.samples - samples)))
  }

  /// Seconds, to a tenth.
  private static func rounded(_ time: Duration) -> Double { (time / .milliseconds(100)).rounded() / 10 }
}
