import ArgumentParser
import DiTArguments
import DiTBatch
import DiTCharts
import DiTErrors
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation

struct GridCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grid",
    abstract: "Draw a table of all combinations of words in braces.",
    discussion: """
      Two pairs of braces are rows and columns; more are folded together. {a,b} chooses, \
      {,big} may be empty, {1..4} counts, and \\{ \\} \\, are the characters themselves. \
      All cells have the same seed.

      Example:
        dit-t2i grid "a {red,blue} {fox,owl} in {snow,the city}" --seed 7
      """)

  @Argument(help: "The prompt with braces; quote it: the shell would expand the braces.")
  var prompt: String

  @Option(name: .shortAndLong, help: ArgumentHelp("The table's file, or a folder for it.", valueName: "path"),
    completion: .file(), transform: Reading.path)
  var output: String?

  @OptionGroup var quality: QualityOption

  @OptionGroup var picture: PictureOptions

  @OptionGroup var source: SourceOptions

  @Flag(help: "Another seed in each cell, counting up.")
  var varySeed = false

  @OptionGroup var engine: EngineOptions

  @Flag(name: .shortAndLong, help: "Print only the file name.")
  var quiet = false

  func run() throws {
    let start = ContinuousClock.now
    let matrix = try PromptTemplate(prompt).matrix
    if !quiet, matrix.rowLabels.isEmpty, matrix.columnLabels.isEmpty {
      complain("note: no braces with choices, and so one picture; \"a {red,blue} fox\" makes a table")
    }
    let folder = try engine.openModel(quiet: quiet)
    let requests = try makeRequests(matrix.rows.flatMap { $0 }, folder)
    if !quiet { folder.complainOfSize(requests) }
    let names = OutputNames(
      output, prompt: "grid " + prompt, className: requests[0].classIndex.map(folder.className), quality: quality.quality)
    try names.checkFolder()
    let progress = ProgressBar(quiet: quiet)
    progress.note("loading \(folder.name)")
    let backend = try engine.makeBackend()
    let about = PNGText("Description", description(requests[0], try engine.metadata(folder, backend)))
    let session = try engine.load(folder, backend, requests, quiet: quiet)
    if !quiet { try PromptNotes.show(requests, session.model) }
    let pictures = try session.drawAll(requests) { progress.show($0, "\($1)/\(counted(requests.count, "cell"))") }
    let width = matrix.rows.first?.count ?? 1
    let items = zip(pictures, requests).map { ContactSheet.Item($0.picture, detail: varySeed ? "seed \($1.seed)" : "") }
    let sheet = ContactSheet(
      rows: stride(from: 0, to: items.count, by: max(1, width)).map { Array(items[$0..<$0 + width]) },
      title: prompt, columnHeaders: matrix.columnLabels, rowLabels: matrix.rowLabels,
      notes: folder.summary(of: requests[0]) + (varySeed ? "" : ", seed \(requests[0].seed)"))
    let file = try names.write(sheet.drawn(), texts: [about], number: nil)
    progress.clear()
    let time = duration(seconds(since: start))
    let cells = counted(requests.count, "cell")
    let parts = [file, "seed \(requests[0].seed)", "\(cells) of \(requests[0].finishedSize)", time]
    Terminal.print(quiet ? file : TerminalText.joined(parts))
    let saved = pictures.compactMap(\.saved)
    if !quiet, !saved.isEmpty { Terminal.print("cache: \(saved.together)") }
  }

  private func makeRequests(_ prompts: [String], _ folder: ModelFolder) throws -> [GenerationRequest] {
    var request = folder.defaultRequest
    try picture.apply(to: &request, folder)
    try source.apply(to: &request, isSized: picture.isSized) { image, mask, size in
      try SourcePicture(image, mask: mask, size: size ?? folder.onlySize, step: folder.sizeStep, keepsPixels: true)
    }
    let seed = try picture.seed?.only() ?? UInt64.random(in: 0..<(1 << 32))
    let adapters = engine.adapterShelf(folder, quiet: quiet)
    return try prompts.enumerated().map { index, prompt in
      var request = request
      request.prompt = prompt
      try adapters.takeAdapters(of: &request)
      request.seed = Seeds.reduced(seed &+ (varySeed ? UInt64(index) : 0))
      try folder.check(request)
      return request
    }
  }

  private func description(_ request: GenerationRequest, _ metadata: PictureMetadata) -> String {
    "dit-t2i grid: \(prompt), seed \(request.seed), \(counted(request.steps, "step")), \(request.sampler), "
      + request.settingWords + "\n" + metadata.text
  }
}
