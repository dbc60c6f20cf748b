import ArgumentParser
import DiTArguments
import DiTBatch
import DiTDiffusion
import DiTErrors
import DiTFiles
import DiTImage
import DiTModels
import DiTStudy
import DiTTensors
import DiTTextToImage
import Foundation

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract:
      "Draw a prompt unconditionally, from a class, from its words and from both; or compare the paper's schemes.",
    discussion: """
      Examples:
        dit-t2i compare "a red fox in snow" --class fox --seeds 4
        dit-t2i compare "a red fox in snow" --class fox --guidance 1,3,5,8
        dit-t2i compare --prompts Prompts/class-vs-text.csv --output out/
        dit-t2i compare --schemes --config S/2

      Writes a sheet (PNG, or what --output is called) and the numbers (JSON). "fit" is the share \
      of the model's error in predicting a picture's noise that knowing the words takes away: how \
      far the picture shows the words, as the model itself sees it. docs/COMPARE.md reads a comparison.
      """)

  @Argument(help: "What to draw. Several words need no quotes.")
  var prompt: [String] = []

  @Option(
    help: ArgumentHelp(
      "Prompts with classes instead, as for batch: CSV with columns prompt and class, or lines 'a fox --class fox'.",
      valueName: "file"),
    completion: .file(), transform: Reading.path)
  var prompts: String?

  @Option(
    name: .customLong("class"), help: ArgumentHelp("The class to compare the words with.", valueName: "name|index"),
    completion: .custom { _, _, _ in Completion.classes })
  var className: String?

  @Option(
    help: ArgumentHelp("Pictures in each mode, 1 to 64. (default: 4)", valueName: "number"),
    transform: Reading.whole(1...64))
  var seeds = 4

  @Option(help: ArgumentHelp("The first seed. (default: 0)", valueName: "number"), transform: Seeds.read)
  var seed: Seeds?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "One scale; or several for a second sheet, of their effect on the words. (default: the model's)", valueName: "s,s,…"))
  var guidance: String?

  @Option(
    help: ArgumentHelp("How much is kept of guidance's part along the picture, 0 to 1. (default: 1)", valueName: "share"),
    transform: Reading.number(0...1))
  var guidanceParallel: Float = 1

  @OptionGroup var savings: SavingsOptions

  @Option(help: "Steps of the sampler, 1 to 1000. (default: the model's, 16 for small)", transform: Reading.whole(1...1000))
  var steps: Int?

  @Option(
    help: ArgumentHelp("ddpm, ddim, dpm++ or another. (default: the model's)", valueName: "name"),
    completion: .list(SamplerRegistry.names))
  var sampler: String?

  @Option(help: ArgumentHelp("Size in pixels. (default: the model's own)", valueName: "WxH"),
    transform: Reading.size)
  var size: PictureSize?

  @Flag(help: "Compare the four conditioning schemes of the DiT paper, with random weights.")
  var schemes = false

  @Option(help: ArgumentHelp("Which of the paper's models, for --schemes.", valueName: "name"))
  var config = "S/2"

  @Option(name: .shortAndLong, help: ArgumentHelp("File to write, or a folder to write into.", valueName: "path"),
    completion: .file(), transform: Reading.path)
  var output: String?

  @OptionGroup var quality: QualityOption

  @OptionGroup var engine: EngineOptions

  @Flag(name: .shortAndLong, help: "Print only the file names.")
  var quiet = false

  func validate() throws {
    if output == "-" { throw ValidationError("--output -: a sheet and its numbers are two files; name one") }
    guard guidance == nil || !scales.isEmpty else {
      throw ValidationError("--guidance \(guidance ?? ""): expected numbers such as 1,3,5,8")
    }
    if schemes { return }
    if prompts == nil, prompt.isEmpty {
      throw ValidationError("compare what? give a prompt, --prompts FILE or --schemes")
    }
    if prompts != nil, !prompt.isEmpty { throw ValidationError("give a prompt or --prompts, not both") }
    if prompts == nil, className == nil {
      throw ValidationError("--class is missing: which class are the words compared with?")
    }
  }

  /// None, one or several; the modes are compared at the only one, or at the model's own.
  private var scales: [Float] {
    let numbers = (guidance ?? "").split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    return numbers.contains { !($0?.isFinite ?? false) } ? [] : numbers.compactMap { $0 }
  }

  func run() throws {
    if schemes {
      try compareSchemes()
    } else {
      try compareModes()
    }
  }

  // MARK: modes

  private func compareModes() throws {
    let folder = try engine.openModel(quiet: quiet)
    let requests = try makeRequests(folder)
    for request in requests { try folder.check(request) }
    for scale in scales {
      var request = requests[0]
      request.guidanceScale = scale
      try folder.check(request)
    }
    guard folder.text != nil, folder.transformer.askableClasses > 0 else { throw ComparisonError.notOurs(folder.name) }
    let names = OutputNames(
      output, prompt: "compare " + (prompts == nil ? requests[0].prompt : "prompts"), className: nil,
      quality: quality.quality)
    try names.checkFolder()
    let progress = ProgressBar(quiet: quiet)
    progress.note("loading \(folder.name)")
    let backend = try engine.makeBackend()
    let about = PNGText("Description", description(requests, try engine.metadata(folder, backend)))
    let session = try engine.load(folder, backend, requests, quiet: quiet)
    if !quiet { try PromptNotes.show(requests, session.model) }
    // The first pictures of a process wait for memory; the clock should not.
    var warm = requests[0]
    warm.steps = 2
    warm.cacheThreshold = nil  // in two steps it would be refused
    try session.draw(warm.withSeeds(seeds))

    let comparisons = try requests.enumerated().map { index, request in
      try ModeComparison(request, seeds: seeds, session: session) { done, total in
        let (all, count) = (index * total + done, requests.count * total)
        progress.show(Double(all) / Double(count), "\(all)/\(count)", request.prompt)
      }
    }
    progress.clear()
    let report = try ComparisonReport(comparisons, model: session.model)
    let file = try names.write(report.sheet(comparisons).drawn(), texts: [about], number: nil)
    let (stem, ending) = OutputNames.split(file)
    try write(jsonText(report), to: stem + ".json")
    show(report)
    Terminal.print("\(file)  \(stem).json")
    guard scales.count > 1 else { return }

    var words = requests[0]
    words.classIndex = nil
    let sheet = try session.guidanceSheet(words, scales: scales, seeds: seeds) {
      progress.show(Double($0) / Double($1), "\($0)/\($1)", "guidance")
    }
    progress.clear()
    let second = OutputNames(stem + "-guidance" + ending, prompt: "", className: nil, quality: quality.quality)
    Terminal.print(try second.write(sheet.drawn(), texts: [about], number: nil))
  }

  private func makeRequests(_ folder: ModelFolder) throws -> [GenerationRequest] {
    let entries = try prompts.map(readPrompts) ?? [(prompt: prompt.joined(separator: " "), className: className ?? "")]
    let adapters = engine.adapterShelf(folder, quiet: quiet)
    return try entries.map { entry in
      var request = folder.defaultRequest
      if let size { request.size = size }
      request.prompt = entry.prompt
      try adapters.takeAdapters(of: &request)
      request.classIndex = try folder.classIndex(entry.className)
      request.seed = try seed?.only() ?? 0
      if let sampler { folder.use(sampler, for: &request) }
      if let steps { request.steps = steps }
      request.guidanceParallel = guidanceParallel
      try savings.apply(to: &request, folder)
      if scales.count == 1 { request.guidanceScale = scales[0] }
      return request
    }
  }

  /// The lines of a prompt file that have both words and a class: there is nothing to compare in others.
  private func readPrompts(_ path: String) throws -> [(prompt: String, className: String)] {
    let file = try PromptFile(path: path)
    if let problem = file.problems.first { throw BatchError.badLine(file: file.name, problem) }
    let entries = try file.lines.compactMap { line -> (prompt: String, className: String)? in
      guard let words = line.prompt, !words.isEmpty, let className = try LineReader.className(of: line, in: file) else {
        return nil
      }
      return (words, className)
    }
    guard !entries.isEmpty else { throw BatchError.nothingToCompare(file: file.name) }
    return entries
  }

  private func description(_ requests: [GenerationRequest], _ metadata: PictureMetadata) -> String {
    let request = requests[0]
    let subject = prompts == nil ? "\(request.prompt), class \(className ?? "")" : "\(requests.count) prompts"
    return "dit-t2i compare: \(subject), \(counted(seeds, "seed")) from \(request.seed), \(counted(request.steps, "step")), "
      + "\(request.sampler), \(request.settingWords)\n\(metadata.text)"
  }

  private func show(_ report: ComparisonReport) {
    guard !quiet else { return }
    let pad = { (text: String, width: Int) in text + String(repeating: " ", count: max(1, width - text.count)) }
    Terminal.print(pad("mode", 16) + "seconds a picture   GMAC a picture   fit to the words")
    for mode in report.overall {
      Terminal.print(
        pad(mode.mode.rawValue, 16)
          + String(
            format: "%17.3f   %14.2f   %14.2f %%", mode.secondsPerPicture, Double(mode.multiplyAddsPerPicture) / 1e9,
            100 * mode.wordFit))
    }
  }

  // MARK: schemes

  private func compareSchemes() throws {
    let slug = "compare schemes \(config)"
    let names = OutputNames(output, prompt: slug, className: nil, quality: quality.quality)
    try names.checkFolder()
    let latentSize = (size?.width ?? 256) / 8
    guard size == nil || (size?.width == size?.height && latentSize % 8 == 0 && (8...128).contains(latentSize)) else {
      throw ValidationError(
        "--size \(size?.description ?? ""): the paper's models draw squares of multiples of 64 pixels")
    }
    let progress = ProgressBar(quiet: quiet)
    let comparison = try SchemeComparison(config, latentSize: latentSize, backend: engine.makeBackend()) {
      progress.note($0)
    }
    progress.clear()
    if !quiet { Terminal.print(comparison.text) }
    let file = try names.write(comparison.chart, texts: [], number: nil)
    let stem = OutputNames.split(file).stem
    try write(jsonText(comparison), to: stem + ".json")
    Terminal.print("\(file)  \(stem).json")
  }

  private func write(_ text: String, to path: String) throws {
    try AtomicFile.write(Array((text + "\n").utf8), to: URL(fileURLWithPath: path), followingLinks: false)
  }
}
