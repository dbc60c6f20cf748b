import DiTCheckpoints
import DiTErrors
import DiTImage
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

/// Teaches a model what is on pictures: makes the lessons, learns from them, and writes the adapter and a report. Whatever ends
/// it, the same run goes on from its folder.
package final class TeachingRun {
  package enum Event: Sendable {
    /// A line on what is taught.
    case note(String)
    /// How far the lessons are made, 0 to 1, and what is being made.
    case preparing(Double, String)
    /// `loss` is the mean of some steps.
    case learnt(samples: Int, of: Int?, loss: Float)
    case drawing
    /// A sheet to look at.
    case sheet(URL)
  }

  package struct Result: Sendable {
    package let adapter, report: URL
    package let samples: Int
    /// Of the last steps.
    package let loss: Float
    /// The error on pictures that nothing was learnt from, by the model's own; nil where there were too few.
    package let unseen: Unseen?
  }

  /// How much is left of the error of what was taught, and what became of that of other things; 1: nothing has changed.
  package struct Unseen: Sendable {
    package let taught, own: Float

    package var words: String {
      String(format: "error on unseen pictures %.2f of the model's own, on others %.3f", taught, own)
    }
  }

  private let settings: TeachingSettings
  private let pictures: TaughtPictures
  private let model: ModelFolder
  private let backend: Backend
  private let folder: TeachingFolder
  private let target: URL
  private let makeLearner: LearnerMaker
  private let wording: Wording
  private let clock = ContinuousClock()

  /// How often the state is kept, and a sheet drawn.
  private let saving, sheets: Duration

  /// The loss of what an earlier run has learnt.
  package var curve: LossCurve { LossCurve((try? folder.losses()) ?? []) }

  /// - Parameters:
  ///   - target: the adapter's file; the report lies beside it.
  ///   - folder: of the same settings.
  ///   - saving: how often the state is kept.
  ///   - sheets: how often one is drawn.
  package init(
    _ settings: TeachingSettings, _ pictures: TaughtPictures, model: ModelFolder, backend: Backend,
    folder: TeachingFolder, target: URL, saving: Duration = .seconds(20), sheets: Duration = .seconds(180),
    learner: @escaping LearnerMaker
  ) throws {
    (self.settings, self.pictures, self.model, self.backend) = (settings, pictures, model, backend)
    (self.folder, self.target, makeLearner, self.saving, self.sheets) = (folder, target, learner, saving, sheets)
    wording = try Wording(word: settings.word, isStyle: settings.isStyle, classIndex: settings.classIndex)
  }

  /// - Parameters:
  ///   - isStopped: whether the run shall end; it keeps its state, and throws `CancellationError`.
  ///   - keepsFolder: leaves the run's folder where it is in the end.
  package func run(
    keepsFolder: Bool = false, isStopped: () -> Bool = { false }, report: (Event) -> Void = { _ in }
  ) throws -> Result {
    let start = clock.now
    func check() throws { if isStopped() { throw CancellationError() } }
    let memory = try TeachingMemory(model, backend.precision)
    if let note = memory.note { report(.note(note)) }
    let lessons = try makeLessons(check, report)
    var learning = settings.learner
    learning.recomputes = memory.recomputes
    let learner = try makeLearner(model, backend, learning)
    var losses: [Float] = []
    if folder.isBegun {
      try learner.restore(from: folder.state)
      losses = try folder.losses(steps: learner.samples / LessonOrder.batch)
      report(.note("goes on after \(learner.samples) samples"))
    }
    if let samples = folder.samples { learner.plan(samples: samples) }

    let sheet = TeachingSheet(model, backend: backend, wording: wording)
    var pace = Pace()
    var (saved, drawn) = (clock.now, clock.now)
    var pause = sheets
    func save() throws {
      try folder.keep(losses: losses)
      try learner.save(to: folder.state)
      saved = clock.now
    }
    while folder.samples.map({ learner.samples < $0 }) ?? true {
      guard !isStopped() else {
        try save()
        throw CancellationError()
      }
      let before = clock.now
      let loss = try learner.learn(lessons.lessons(learner.samples / LessonOrder.batch))
      guard loss.isFinite else { throw TeachingError.notFinite(sample: learner.samples) }
      losses.append(loss)
      pace.add(clock.now - before)
      if folder.samples == nil, let step = pace.step { try plan(learner, step: step, spent: clock.now - start) }
      report(.learnt(samples: learner.samples, of: folder.samples, loss: LossCurve.mean(losses)))
      if clock.now - saved > saving { try save() }
      if clock.now - drawn > pause, folder.samples.map({ learner.samples < $0 }) ?? true {
        try save()
        report(.drawing)
        let begun = clock.now
        do {
          let url = folder.url.appendingPathComponent("sheet-\(learner.samples).png")
          try draw(sheet, learner, check: check).write(to: url)
          report(.sheet(url))
        } catch is CancellationError {}  // what was learnt is kept; the loop ends
        drawn = clock.now
        // On a slow machine less often, so that most of the time is for learning.
        pause = max(sheets, (drawn - begun) * 8)
      }
    }
    try save()
    report(.drawing)
    let unseen = try measured(learner, lessons)
    let picture = try draw(sheet, learner, unseen, check: check)
    let about = target.deletingPathExtension().appendingPathExtension("png")
    try TeachingSheet.report(picture, losses: losses).write(to: about)
    try write(learner, to: target, captions: lessons.captions.count)
    if !keepsFolder { try folder.remove() }
    return Result(adapter: target, report: about, samples: learner.samples, loss: LossCurve.mean(losses), unseen: unseen)
  }

  private func measured(_ learner: any Learner, _ lessons: LessonShelf) throws -> Unseen? {
    let (taught, own) = try lessons.unseen()
    guard !taught.isEmpty, !own.isEmpty else { return nil }
    func share(_ lessons: [Lesson]) throws -> Float {
      try learner.error(of: lessons, isTaught: true) / learner.error(of: lessons, isTaught: false)
    }
    return try Unseen(taught: share(taught), own: share(own))
  }

  /// A session is loaded where there is anything to make, and dropped before anything is learnt.
  private func makeLessons(_ check: () throws -> Void, _ report: (Event) -> Void) throws -> LessonShelf {
    var loaded: DrawingSession?
    let session = { [model, backend] () throws -> DrawingSession in
      let session = try loaded ?? TextToImage(model, backend: backend).makeSession()
      loaded = session
      return session
    }
    let size = model.usualSize
    let factor = model.autoencoder.scaleFactor
    let compositions = Compositions(wording, size: size, seed: settings.seed, count: pictures.items.count)
    let shelf = try LessonShelf(
      pictures, compositions, model: model, folder: folder,
      shape: [model.transformer.latentChannels, size.height / factor, size.width / factor], session: session
    ) { part, what in
      try check()
      report(.preparing(part, what))
    }
    if let cropped = shelf.cropped {
      report(.note("\(counted(cropped, "picture")) of another shape than \(size): the middle is taught"))
    }
    return shelf
  }

  /// How many samples fit into the minutes that are left: a sheet is drawn in the time of so many samples, and others on the
  /// way take a tenth.
  private func plan(_ learner: any Learner, step: Double, spent: Duration) throws {
    let left = max(0, (settings.minutes ?? 0) * 54 - spent / .seconds(1))
    let fitting = Int(min(left / step, 1e6)) * LessonOrder.batch - Self.samplesOfSheet
    let samples = max(Self.fewest, learner.samples + fitting) / LessonOrder.batch * LessonOrder.batch
    try folder.plan(samples: samples)
    learner.plan(samples: samples)
  }

  /// With fewer samples nothing would be seen.
  private static let fewest = 100
  /// 14 pictures of 16 steps, of which one takes two thirds of a sample.
  private static let samplesOfSheet = 150

  /// The time of a step, measured on the first ones.
  private struct Pace {
    private var count = 0
    private var seconds = 0.0

    /// Of those after the first two, which warm up; nil until there are enough.
    var step: Double? { count >= 8 ? seconds / 6 : nil }

    mutating func add(_ time: Duration) {
      count += 1
      if count > 2, count <= 8 { seconds += time / .seconds(1) }
    }
  }

  private func draw(
    _ sheet: TeachingSheet, _ learner: any Learner, _ unseen: Unseen? = nil, check: () throws -> Void
  ) throws -> Picture {
    try write(learner, to: folder.preview, captions: 0)
    let about = ["\(model.name), \(counted(learner.samples, "sample")), \(settings.words)", unseen?.words]
    let note = about.compactMap(\.self).joined(separator: "; ")
    return try sheet.drawn(with: folder.preview, note: note, check: check)
  }

  private func write(_ learner: any Learner, to url: URL, captions: Int) throws {
    let record = TaughtRecord(
      word: settings.word, base: model.name, baseHash: settings.modelHash, captions: captions,
      settings: "\(settings.words), \(counted(learner.samples, "sample"))")
    try TaughtFile.write(learner.tensors(), record, rank: settings.rank, to: url)
  }
}
