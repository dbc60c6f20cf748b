import ArgumentParser
import DiTArguments
import DiTBatch
import DiTErrors
import DiTFiles
import DiTModels
import DiTTextToImage
import Foundation

struct Calibrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Measure what --cache may skip of a model, and store it with the model.",
    discussion: """
      Draws the prompts of a file in full and with thresholds of several sizes, prints what each saves and what it \
      costs, and writes the one that saves most while the pictures stay the same to the eye (30 dB and more, a mean \
      difference below 3 of 255) as cache.json into the model's folder. Takes nine times as long as drawing them.
      """)

  @Argument(help: "Prompts, as for batch; 8 or more, of the kinds the model draws.", completion: .file(), transform: Reading.path)
  var file: String

  @Option(
    help: ArgumentHelp("Pictures of each prompt. (default: 2)", valueName: "number"), transform: Reading.whole(1...64))
  var seeds = 2

  @OptionGroup var picture: PictureOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write instead.", valueName: "file"),
    completion: .file(), transform: Reading.path)
  var output: String?

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print the numbers as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print only the file name.")
  var quiet = false

  func validate() throws {
    if picture.savings.cache != nil || picture.savings.guidanceEvery != nil {
      throw ValidationError("--cache and --guidance-every are what is measured: leave them out")
    }
    if output == "-" { throw ValidationError("--output -: name a file; --json prints the numbers") }
  }

  func run() throws {
    let folder = try engine.openModel()
    let target = try output.map { URL(fileURLWithPath: $0) } ?? place(in: folder)
    if isFolder(target) {
      throw FileError.unwritable(path: target.path, reason: "it is a folder")
    }
    try OutputNames(target.path, prompt: "", className: nil).checkFolder()
    let prompts = try PromptFile(path: file)
    let reader = LineReader(
      picture: picture, source: try SourceOptions.parse([]), folder: folder, adapters: engine.adapterShelf(folder, quiet: quiet))
    let (orders, problems) = reader.orders(prompts)
    if let problem = problems.first { throw BatchError.badLine(file: prompts.name, problem) }
    if let line = orders.first(where: { $0.request.cacheThreshold != nil || $0.request.guidanceEvery != 1 })?.line {
      throw BatchError.badLine(
        file: prompts.name, PromptProblem(line: line, reason: "a cache is what is measured: leave it out of the line"))
    }
    guard !orders.isEmpty else { throw BatchError.nothingToDraw(file: prompts.name) }
    let requests = orders.flatMap { $0.request.withSeeds(seeds) }
    for var request in requests {
      request.cacheThreshold = 0
      try folder.check(request)
    }
    let progress = ProgressBar(quiet: quiet || json)
    progress.note("loading \(folder.name)")
    let session = try engine.load(folder, engine.makeBackend())
    let calibration = try CacheCalibration(requests, in: session) { progress.show($0, "calibrating", $1) }
    progress.clear()
    if json { Terminal.print(try jsonText(calibration)) } else if !quiet { show(calibration) }
    guard let chosen = calibration.chosen else {
      return complain("no threshold keeps the pictures as they are: nothing is written; --cache THRESHOLD still takes one")
    }
    try AtomicFile.write(Array((jsonText(chosen) + "\n").utf8), to: target)
    if !json { Terminal.print(target.relativePath) }
  }

  /// A file of weights alone has no folder of its own to keep it in.
  private func place(in folder: ModelFolder) throws -> URL {
    guard folder.isFolder else { throw ValidationError("\(folder.url.path) is a file: say where to write with --output") }
    return folder.url.appendingPathComponent(CacheSettings.fileName)
  }

  private func show(_ calibration: CacheCalibration) {
    Terminal.print("threshold   guidance every   fewer multiply-adds   mean difference of 255   worst     PSNR")
    for row in calibration.rows {
      Terminal.print(
        String(
          format: "%9.3f   %14d   %18.2fx   %22.2f   %5.1f   %4.1f dB", row.threshold, row.guidanceEvery, row.factor,
          row.meanDifference, row.worstDifference, row.psnr))
    }
  }
}
