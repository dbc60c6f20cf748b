import DiTErrors
import DiTModels
import DiTTeaching
import DiTTensors
import DiTTextToImage
import Foundation
import Logging

/// Teaches for whoever asks, one thing at a time, beside the drawing, which comes first.
package actor TeachingDesk {
  private let desk: DrawingDesk
  private let options: ServerOptions
  private let logger: Logger
  private nonisolated var folder: URL { options.taughtFolder }
  /// The newest last; those that are over are remembered for a while.
  private(set) var jobs: [TeachingJob] = []
  private var isClosed = false

  private static let remembered = 16
  /// How long a step waits for a picture that is drawn: on a busy server something is learnt too.
  private static let patience = Duration.seconds(2)

  init(_ desk: DrawingDesk, _ options: ServerOptions, logger: Logger) {
    (self.desk, self.options, self.logger) = (desk, options, logger)
  }

  /// - Throws: ``RefusedRequest``: 403.
  nonisolated func checkPermission() throws {
    guard options.teaches else {
      throw RefusedRequest(.forbidden, "this server teaches nothing: that writes on its machine, which --teach allows")
    }
  }

  /// - Throws: ``RefusedRequest``: 404.
  func job(_ id: String) throws -> TeachingJob {
    guard let job = jobs.first(where: { $0.id == id }) else {
      throw RefusedRequest(.notFound, "there is no run \"\(id.prefix(40))\"; GET /v1/teach lists those there are")
    }
    return job
  }

  /// Begins, and returns when the pictures have been looked at.
  /// - Throws: ``RefusedRequest``: 409, or what is wrong with a field; other `UserError`s.
  func start(_ fields: TeachFields) async throws -> TeachingJob {
    guard !isClosed else { throw DeskError.closed }
    if let running = jobs.last(where: { !$0.isOver }) {
      throw RefusedRequest(
        .conflict, "one thing is taught at a time: wait for the run that there is, or DELETE /v1/teach/\(running.id)",
        code: "already_teaching")
    }
    let model = try desk.shelf.folder(fields.model)
    let job = TeachingJob(fields.order, model: model.name)
    jobs = jobs.suffix(Self.remembered - 1) + [job]
    do {
      try await begin(job, fields, model)
      return job
    } catch {
      jobs.removeAll { $0 === job }
      throw refused(error)
    }
  }

  /// All of it is done on one thread, which says when it has begun.
  private func begin(_ job: TeachingJob, _ fields: TeachFields, _ model: ModelFolder) async throws {
    try await withCheckedThrowingContinuation { (begun: CheckedContinuation<Void, any Error>) in
      onNewThread { [self] in
        var run: TeachingRun?
        do {
          run = try prepare(job, fields, model)
        } catch {
          return begun.resume(throwing: error)
        }
        begun.resume()
        let end = run.map { job.work($0, giveWay: giveWay, line: failure) }
        run = nil  // lets go of its folder
        end?()
        logger.info("taught", metadata: ["run": "\(job.id)", "state": "\(job.phase.rawValue)"])
      }
    }
  }

  private nonisolated func prepare(_ job: TeachingJob, _ fields: TeachFields, _ model: ModelFolder) throws -> TeachingRun {
    var order = fields.order
    order.wording.classIndex = try fields.className.map(model.classIndex)
    let pictures = try TaughtPictures(
      fields.pictures, captions: CaptionSources(unknown: TeachingOrder.unknownWords(of: model)))
    let target = order.target(in: folder)
    if fields.startsAnew { try TeachingFolder.remove(TeachingFolder.place(of: target)) }
    guard !TeachingOrder.isTaken(target) else {
      throw RefusedRequest(
        .conflict, "\(listed([order.name])) was taught before: give what you teach another name", field: "name")
    }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    job.prepared(pictures.items.count, order.notes(on: pictures, model, option: "the word"))
    // Nothing is learnt in integers.
    let precision = [.f32, .bf16].contains(options.precision) ? options.precision : .auto
    let backend = try Backend(.native, precision: precision, threads: options.threads)
    return try order.makeRun(pictures, model: model, backend: backend, target: target)
  }

  private nonisolated func giveWay(_ isStopped: SharedFlag) {
    let end = ContinuousClock.now + Self.patience
    while desk.isWorking.value, !isStopped.value, .now < end { Thread.sleep(forTimeInterval: 0.02) }
  }

  private nonisolated func failure(_ error: any Error) -> String {
    logger.error("teaching failed", metadata: ["error": "\(error)"])
    return error is any UserError ? line(error) : "the server failed, and has noted why"
  }

  /// Without the folder, which is no client's matter.
  private nonisolated func line(_ error: any Error) -> String {
    error.localizedDescription.replacing(folder.path + "/", with: "")
  }

  private nonisolated func refused(_ error: any Error) -> any Error {
    switch error {
    case TeachingError.locked, TeachingError.foreign: RefusedRequest(.conflict, line(error), field: "name")
    case TeachingError.otherSettings: RefusedRequest(.conflict, line(error), field: "anew")
    case let error as any UserError where error.kind == .damagedData: RefusedRequest(.badRequest, line(error), field: "picture")
    default: error
    }
  }

  // MARK: ending

  /// Ends a run, and waits until it has ended, unless a step takes long.
  func cancel(_ id: String) async throws -> TeachingJob {
    let job = try job(id)
    job.stop()
    let end = ContinuousClock.now + .seconds(10)
    while !job.isOver, .now < end { try await Task.sleep(for: .milliseconds(20)) }
    return job
  }

  /// Takes nothing any more, and ends what is taught, which is kept.
  func close() {
    isClosed = true
    for job in jobs { job.stop() }
  }

  package var isIdle: Bool { jobs.allSatisfy(\.isOver) }
}
