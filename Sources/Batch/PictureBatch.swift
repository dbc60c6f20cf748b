import DiTCheckpoints
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation

/// A job's pictures on their way into a folder.
package struct PictureBatch {
  package let folder: PictureFolder
  package let model: ModelFolder
  /// From what is written into a picture it can be drawn again.
  private let metadata: PictureMetadata
  private let fingerprints: RequestFingerprint

  /// Of all pictures those still to be drawn, in order.
  package private(set) var pending: [PictureJob] = []
  package private(set) var finished: [ManifestEntry] = []
  /// Pending ones that were drawn before: with other words, options or another model; or whose file is gone or damaged.
  package private(set) var changed: [PictureJob] = []
  package private(set) var lost: [PictureJob] = []

  /// Looks at what is there.
  /// - Parameters:
  ///   - checking: compares the hashes of finished pictures, rather than their lengths.
  /// - Throws: ``BatchError``, before anything is drawn.
  package init(
    _ jobs: [PictureJob], folder: PictureFolder, model: ModelFolder, checking: Bool = false,
    metadata: PictureMetadata
  ) throws {
    self.folder = folder
    self.model = model
    self.metadata = metadata
    fingerprints = try RequestFingerprint(model)
    for job in jobs {
      switch try folder.state(of: job.file, fingerprint: fingerprint(job.request), checking: checking) {
      case .finished(let entry):
        finished.append(entry)
        continue
      case .changed: changed.append(job)
      case .lost: lost.append(job)
      case .missing: break
      }
      pending.append(job)
    }
  }

  private func fingerprint(_ request: GenerationRequest) -> String {
    fingerprints.of(request, parameters: metadata.parameters(of: request))
  }

  /// Where the drawing stands.
  package enum Event {
    /// The part of the work that is done, 0 to 1, and pictures in place.
    case progress(Double, written: Int)
    case written(ManifestEntry)
    /// What was left out of a picture.
    case saved(SavedWork)
  }

  private static let encodedTogether = 8

  /// Draws what is pending, in batches, each picture the same bytes as alone.
  /// - Throws: what the stages or the disk have to say. Finished pictures stay finished.
  package func draw(in session: DrawingSession, report: (Event) -> Void) throws {
    let writer = PictureWriter(folder)
    var count = 0
    func announce(_ entries: [ManifestEntry]) {
      count += entries.count
      for entry in entries { report(.written(entry)) }
    }
    let batches = session.model.batches(pending.map(\.request))
    let work = batches.map { $0.reduce(0) { $0 + cost(pending[$1].request) } }
    let total = work.reduce(0, +)
    var done = 0.0
    for (index, (batch, work)) in zip(batches, work).enumerated() {
      let jobs = batch.map { pending[$0] }
      // Some batches at once: a large text encoder is read from disk for all of their prompts together.
      if index % PictureBatch.encodedTogether == 0 {
        let next = batches[index...].prefix(PictureBatch.encodedTogether).joined().map { pending[$0].request }
        try session.encode(Array(next))
      }
      let start = ContinuousClock.now
      let pictures = try session.draw(jobs.map(\.request)) { event in
        guard case .step(let step, let steps) = event else { return }
        announce(try writer.takeWritten())
        report(.progress((done + work * Double(step) / Double(steps)) / total, written: count))
      }
      done += work
      let seconds = (ContinuousClock.now - start) / .seconds(1) / Double(jobs.count)
      for (job, drawn) in zip(jobs, pictures) {
        if let saved = drawn.saved { report(.saved(saved)) }
        writer.write(
          drawn.picture, texts: [metadata.parameters(of: drawn).pngText],
          ManifestEntry(
            line: job.line, prompt: job.request.prompt,
            className: job.request.classIndex.map(model.className), loras: model.adapterNames(of: job.request),
            seed: job.request.seed, file: job.file, sha256: "", seconds: seconds, bytes: 0, fingerprint: fingerprint(job.request)))
      }
    }
    announce(try writer.finish())
  }

  /// Tokens times steps: what the time goes into.
  private func cost(_ request: GenerationRequest) -> Double {
    Double(request.size.width * request.size.height * request.steps)
  }
}
