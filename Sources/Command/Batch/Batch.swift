import ArgumentParser
import DiTArguments
import DiTBatch
import DiTErrors
import DiTFiles
import DiTImage
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

struct Batch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch",
    abstract: "Draw the pictures of a prompt file into a folder; started again, it goes on where it stopped.",
    discussion: """
      A file is plain text, a prompt a line with options after it, or JSON, JSONL, CSV or TSV with \
      the same names as fields (those of other programs are understood):
        a red fox in snow --size 320x192 --seed 7 --negative "blurry" --count 4
        {"prompt": "a red fox in snow", "size": "320x192", "seed": 7}

      Options here hold for lines that do not say otherwise. A line without a seed has \
      the number of the line, added to --seed where that is given.

      Examples:
        dit-t2i batch prompts.txt --output out --sheet sheet.png
        dit-t2i batch prompts.csv --output out --shard 2/8   one machine's part
        dit-t2i batch --merge out                 one manifest of all shards'

      Slurm and Kubernetes name the part themselves.
      """)

  @Argument(help: ArgumentHelp("The prompt file; - reads standard input.", valueName: "file"), completion: .file())
  var file: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("The folder to draw into.", valueName: "folder"),
    completion: .directory, transform: Reading.path)
  var output: String?

  @OptionGroup var picture: PictureOptions

  @OptionGroup var source: SourceOptions

  @Flag(help: "Leave bad lines out and draw the others.")
  var skipBad = false

  @Flag(help: "Compare finished pictures with their hashes, and draw damaged ones again.")
  var check = false

  @Option(help: ArgumentHelp("Draw this part of the pictures.", valueName: "I/N"))
  var shard: String?

  @Option(help: ArgumentHelp("Also put all pictures on one sheet.", valueName: "sheet.png"),
    completion: .file(), transform: Reading.path)
  var sheet: String?

  @OptionGroup var quality: QualityOption

  @Option(help: ArgumentHelp("Draw nothing; make one manifest of those in a folder.", valueName: "folder"),
    completion: .directory, transform: Reading.path)
  var merge: String?

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print a line of JSON for each new picture, as in the manifest.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print only the names of new files.")
  var quiet = false

  func validate() throws {
    guard merge == nil else {
      guard file == nil, output == nil, shard == nil else { throw ValidationError("--merge takes a folder and no file") }
      return
    }
    guard file != nil else { throw ValidationError("name a prompt file: dit-t2i batch FILE --output FOLDER") }
    guard output != nil else { throw ValidationError("name the folder to draw into: --output FOLDER") }
  }

  func run() throws {
    try OutputNames.check(file: sheet ?? "", quality: quality.quality)
    if let merge { return try mergeManifests(URL(fileURLWithPath: merge)) }
    guard let file, let output else { return }
    let prompts = try PromptFile(path: file)
    let model = try engine.openModel(quiet: quiet)
    let jobs = try readJobs(prompts, model)
    let shard = try Shard(option: shard, environment: ProcessInfo.processInfo.environment)
    let own = shard?.part(of: jobs) ?? jobs
    let backend = try engine.makeBackend()
    let url = URL(fileURLWithPath: output)
    try noteWhatIsNotRead(own, model)
    if !quiet { model.complainOfSize(own.map(\.request)) }
    let batch = try PictureBatch(
      own, folder: PictureFolder(url, shard: shard), model: model, checking: check,
      metadata: engine.metadata(model, backend))
    explain(batch, shard)
    let drawn = batch.pending.isEmpty ? [] : try draw(batch, backend, output)
    if let sheet {
      let entries = Dictionary((batch.finished + drawn).map { ($0.file, $0) }, uniquingKeysWith: { $1 })
      try writeSheet(own.compactMap { entries[$0.file] }, in: url, to: sheet)
    }
  }

  /// All bad lines are named before anything is drawn.
  private func readJobs(_ prompts: PromptFile, _ model: ModelFolder) throws -> [PictureJob] {
    let reader = LineReader(
      picture: picture, source: source, folder: model, adapters: engine.adapterShelf(model, quiet: quiet))
    let unknown = reader.unknownColumns(prompts).map { String($0.field.prefix(60)) }
    if !unknown.isEmpty, !quiet {
      note("note: \(prompts.name): skipped fields that are no options: \(listed(unknown, most: 12))")
    }
    let (orders, problems) = reader.orders(prompts)
    for problem in problems { complain("\(prompts.name):\(problem.line): \(problem.reason)", prefix: "") }
    guard problems.isEmpty || skipBad else {
      throw BatchError.badLines(file: prompts.name, bad: problems.count, of: orders.count + problems.count)
    }
    let count = orders.reduce(0) { $0 + $1.count }
    guard count > 0 else { throw BatchError.nothingToDraw(file: prompts.name) }
    guard count <= PictureJob.limit else {
      throw BatchError.tooMany(file: prompts.name, pictures: count, limit: PictureJob.limit)
    }
    return PictureJob.jobs(orders, baseSeed: try picture.seed?.only() ?? 0) { request in
      slug([request.prompt, request.classIndex.map(model.className) ?? ""].joined(separator: " "))
    }
  }

  private func noteWhatIsNotRead(_ jobs: [PictureJob], _ model: ModelFolder) throws {
    guard !quiet else { return }
    var seen: Set<Int> = []  // pictures of one line share its prompt
    let jobs = jobs.filter { seen.insert($0.line).inserted }
    let review = try PromptReview(model)
    let read = jobs.flatMap { job in PromptNotes.lines(on: job.request, review).map { "line \(job.line): \($0)" } }
    for text in read.prefix(Batch.mostNotes) { note("note: \(text)") }
    if read.count > Batch.mostNotes { note("note: \(read.count - Batch.mostNotes) more of this kind") }
    var sizes: Set<PictureSize> = []
    for job in jobs where sizes.insert(job.request.size).inserted {
      if let text = review.sizeAdvice(job.request) { note("note: line \(job.line): \(text)") }
    }
  }

  /// Lines of notes on prompts that are shown.
  private static let mostNotes = 20

  /// What a run that is not the first should know.
  private func explain(_ batch: PictureBatch, _ shard: Shard?) {
    guard !quiet else { return }
    if let shard { note("shard \(shard): \(pictures(batch.pending.count + batch.finished.count))") }
    if !batch.finished.isEmpty { note("\(pictures(batch.finished.count)) drawn before, \(batch.pending.count) to go") }
    for (jobs, reason) in [
      (batch.changed, "the line, the options or the model changed"),
      (batch.lost, "the file is gone or damaged"),
    ] {
      guard let first = jobs.first else { continue }
      note("\(pictures(jobs.count)) drawn again, beginning with \(first.file): \(reason)")
    }
  }

  private func draw(_ batch: PictureBatch, _ backend: Backend, _ output: String) throws -> [ManifestEntry] {
    let progress = ProgressBar(quiet: quiet)
    progress.note("loading \(batch.model.name)")
    let session = try engine.load(batch.model, backend, batch.pending.map(\.request), quiet: quiet)
    Interruption.say("\ndit-t2i: interrupted; the same command goes on where this one was\n")
    let start = ContinuousClock.now
    var entries: [ManifestEntry] = []
    var saved: [SavedWork] = []
    try batch.draw(in: session) { event in
      switch event {
      case .progress(let part, let written):
        progress.show(part, "\(written)/\(batch.pending.count)")
      case .saved(let one): saved.append(one)
      case .written(let entry):
        entries.append(entry)
        progress.clear()
        let path = URL(fileURLWithPath: output).appendingPathComponent(entry.file).relativePath
        if json { return Terminal.print(entry.jsonLine, terminator: "") }
        let parts = [path, "seed \(entry.seed)", "\(entries.count)/\(batch.pending.count)"]
        Terminal.print(quiet ? path : TerminalText.joined(parts))
      }
    }
    progress.clear()
    let time = seconds(since: start)
    if !quiet {
      note(
        String(
          format: "%@ in %@, %.1f a minute", pictures(entries.count), duration(time), Double(entries.count) / time * 60))
      if !saved.isEmpty { note("cache: \(saved.together)") }
    }
    return entries
  }

  private func mergeManifests(_ folder: URL) throws {
    let entries = try ManifestMerge.merge(folder)
    if !quiet { note("\(pictures(entries.count)) in \(folder.appendingPathComponent("manifest.jsonl").relativePath)") }
    if let sheet { try writeSheet(entries, in: folder, to: sheet) }
  }

  private func writeSheet(_ entries: [ManifestEntry], in folder: URL, to path: String) throws {
    let quality = quality.quality ?? PictureFormat.defaultQuality
    try PictureSheet.drawn(entries, in: folder).write(to: URL(fileURLWithPath: path), quality: quality)
    Terminal.print(path)
  }

  private func pictures(_ count: Int) -> String { counted(count, "picture") }

  /// Pictures are on standard output, what is said about them on standard error.
  private func note(_ text: String) { complain(text) }
}
