import DiTImage
import Foundation

/// What the web UI has one of: what is drawn at the moment, and its options. Here it is that of this API's clients alone.
actor WebUIState {
  /// The model of requests that name none; nil: the first.
  private(set) var checkpoint: String?
  private(set) var previewEvery = 10
  /// The oldest first: it is the one that progress tells of, and that an interruption ends.
  private var jobs: [Job] = []

  struct Job {
    let id, kind: String
    let begin = Date()
    let pictures: Int
    /// Of each picture, from 0 to 1.
    var progress: [Int: Double] = [:]
    var step = 0, steps = 0
    var secondsLeft: Double?
    /// How far each picture is that is not finished.
    var previews: [Int: Picture] = [:]
    var finished = 0
    var isInterrupted = false
    var stop: (@Sendable () -> Void)?
  }

  func set(_ options: WebUIOptions, checkpoint: String?) {
    if let checkpoint { self.checkpoint = checkpoint }
    if let every = options.previewEvery { previewEvery = every }
  }

  func begin(_ id: String, _ kind: String, pictures: Int) { jobs.append(Job(id: id, kind: kind, pictures: pictures)) }

  /// - Parameter stop: ends the job.
  func set(_ id: String, stop: @escaping @Sendable () -> Void) {
    guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
    jobs[index].stop = stop
    if jobs[index].isInterrupted { stop() }
  }

  func note(_ event: DeskEvent, of id: String) {
    guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
    switch event {
    case .queued: break
    case .step(let picture, let step, let steps, let seconds):
      jobs[index].progress[picture] = Double(step) / Double(max(1, steps))
      (jobs[index].step, jobs[index].steps, jobs[index].secondsLeft) = (step, steps, seconds)
    case .preview(let picture, _, let preview): jobs[index].previews[picture] = preview
    case .picture(let drawn):
      jobs[index].progress[drawn.index] = 1
      jobs[index].previews[drawn.index] = nil
      jobs[index].finished += 1
    }
  }

  /// - Returns: how far it was.
  func end(_ id: String) -> Job? {
    jobs.firstIndex { $0.id == id }.map { jobs.remove(at: $0) }
  }

  func interrupt() {
    guard !jobs.isEmpty else { return }
    jobs[0].isInterrupted = true
    jobs[0].stop?()
  }

  var current: Job? { jobs.first }
}

extension WebUIState {
  /// The answer of `/sdapi/v1/progress`.
  /// - Parameter image: in base64.
  static func progress(of job: Job?, image: String?) -> JSON {
    let done = job.map { $0.progress.values.reduce(0, +) / Double(max(1, $0.pictures)) }
    let isInterrupted = JSON(job?.isInterrupted ?? false)
    return [
      "progress": JSON(done ?? 0), "eta_relative": JSON(job?.secondsLeft ?? 0), "current_image": JSON(image), "textinfo": nil,
      "state": [
        "skipped": false, "interrupted": isInterrupted, "stopping_generation": isInterrupted, "job": JSON(job?.kind ?? ""),
        "job_count": JSON(job?.pictures ?? 0), "job_no": JSON(job?.finished ?? 0),
        "job_timestamp": JSON(webUITimestamp(job?.begin ?? Date())), "sampling_step": JSON(job?.step ?? 0),
        "sampling_steps": JSON(job?.steps ?? 0),
      ],
    ]
  }
}

/// "20261129154500", in UTC.
func webUITimestamp(_ date: Date) -> String {
  String(date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted)).filter(\.isNumber))
}
