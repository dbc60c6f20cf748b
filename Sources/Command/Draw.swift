import ArgumentParser
import DiTArguments
import DiTErrors
import DiTImage
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

struct Draw: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "draw",
    abstract: "Draw pictures from a prompt, a class, both or neither (what 'dit-t2i PROMPT' does).",
    discussion: """
      Without options the picture has the model's own size, a seed by chance that is printed, and a file name made from \
      the prompt; an existing file is never replaced unless --output names it.
      """)

  @Argument(help: "What to draw. Several words need no quotes; - reads them from standard input.")
  var prompt: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "File to write (.png, .jpg or .webp), or a folder to write into; - is standard output.", valueName: "path"),
    completion: .file(), transform: Reading.path)
  var output: String?

  @OptionGroup var quality: QualityOption

  @OptionGroup var picture: PictureOptions

  @OptionGroup var source: SourceOptions

  @Option(
    help: ArgumentHelp(
      "Another picture like this one: its own prompt and settings, its shapes, a new seed; by a UniDiffuser, its words.",
      valueName: "picture"),
    completion: .file(), transform: Reading.path)
  var variation: String?

  @OptionGroup var show: ShowOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("How many pictures, with seeds counting up. (default: 1)", valueName: "number"),
    transform: Reading.whole(1...10_000))
  var count = 1

  @Option(
    help: ArgumentHelp("Draw a picture again from the settings in it; other options change it.", valueName: "picture"),
    completion: .file(), transform: Reading.path)
  var from: String?

  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print a line of JSON for each picture instead.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print only the file name.")
  var quiet = false

  func validate() throws {
    try picture.checkCount(count)
    if from != nil, variation != nil { throw ValidationError("--from and --variation: give one of them") }
    if output == "-", count > 1 || (picture.seed?.values.count ?? 1) > 1 || show.writesSheets {
      throw ValidationError("--output -: standard output takes one picture and no sheets")
    }
    if output == "-", json { throw ValidationError("--output - and --json: both would go to standard output") }
    if source.image != nil, variation != nil { throw ValidationError("--image and --variation: give one of them") }
    if variation == nil { try source.checkUse() }
  }

  func run() throws { try draw(.picture) }

  /// - Parameter mode: `.picture`, or `.pair`.
  func draw(_ mode: DrawingMode) throws {
    let start = ContinuousClock.now
    let recipe = try readRecipe()
    let folder = try engine.openModel(recipe, quiet: quiet)
    let requests = try makeRequests(folder, recipe, mode)
    // Everything a user can mistype is checked before the weights are read.
    for request in requests { try folder.check(request) }
    if !quiet { folder.complainOfSize(requests) }
    try show.check(folder, requests[0])
    let names = OutputNames(
      output, prompt: mode == .pair ? mode.rawValue : requests[0].prompt,
      className: requests[0].classIndex.map(folder.className), quality: quality.quality)
    try names.checkFolder()

    let progress = ProgressBar(quiet: quiet)
    progress.note("loading \(folder.name)")
    let backend = try engine.makeBackend(precision: recipe.precision, kind: recipe.backend)
    let metadata = try engine.metadata(folder, backend)
    try names.check(texts: [metadata.parameters(of: requests[0]).pngText])
    if from != nil { note(recipe) }
    if let from, let hash = recipe.modelHash, hash != metadata.fingerprint.short {
      complain("note: these are not the weights that drew \(from): the result will differ")
    }
    for (recorded, used) in zip(recipe.adapters, folder.options.adapters) where recorded.hash != used.shortHash {
      complain("note: \(used.url.relativePath) is not the LoRA that drew \(recipe.path): the result will differ")
    }
    let session = try engine.load(folder, backend, requests, quiet: quiet)
    var noted = requests[0]
    if noted.mode == .pair { noted.prompt = "" }  // of its own words
    if !quiet { try PromptNotes.show([noted], session.model, isRedrawn: from != nil && !picture.isSized) }
    let preview = show.preview && !quiet ? TerminalPreview { complain("note: \($0)") } : nil

    for (index, request) in requests.enumerated() {
      let began = ContinuousClock.now
      var record = DrawingRecord()
      let isLast = index == requests.count - 1
      let drawn = try session.draw([request], recordingAttention: show.attention, isLast: isLast, onEvent: { event in
        record.note(event)
        switch event {
        case .predictedOriginal(_, let latents):
          if let preview, preview.isDue { try preview.show(session.model.picture(of: latents[0])) }
        case .step(let step, let steps): progress.show(step, of: steps, picture: index + 1, of: requests.count)
        case .decoding: progress.note("decoding")
        case .attention, .finished: break
        }
      }, probe: nil)
      preview?.finish(drawn[0].picture)
      let text = metadata.parameters(of: drawn[0]).pngText
      let file = try names.write(drawn[0].picture, texts: [text], number: requests.count > 1 ? index + 1 : nil)
      let sheets = try show.write(
        record, of: drawn[0], session.model, beside: file, texts: [text], quality: quality.quality)
      progress.clear()
      let time = seconds(since: index == 0 ? start : began)
      try report(DrawnPicture(file, sheets: sheets, drawn[0], folder, seconds: time), toErrors: names.isStandardOutput)
    }
  }

  private func report(_ drawn: DrawnPicture, toErrors: Bool) throws {
    if json { return Terminal.print(try jsonText(drawn, isLine: true)) }
    let lines = [drawn.wordsLine, drawn.line, drawn.savedLine].compactMap { $0 }
    for line in quiet ? [] : lines {
      if toErrors { complain(line, prefix: "") } else { Terminal.print(line) }
    }
    if quiet, !toErrors { Terminal.print(drawn.file) }
    for sheet in drawn.sheets { Terminal.print(sheet) }
  }

  /// Of the picture to draw again, or to vary; a variation of a picture that is not ours has none.
  private func readRecipe() throws -> Recipe {
    if let from { return try Recipe(contentsOf: URL(fileURLWithPath: from)) }
    guard let variation else { return Recipe() }
    do {
      return try Recipe(contentsOf: URL(fileURLWithPath: variation))
    } catch is RecipeError {
      return Recipe()
    }
  }

  /// What a picture to draw again leaves open.
  private func note(_ recipe: Recipe) {
    guard !quiet else { return }
    if let (program, unused) = recipe.foreign, !unused.isEmpty {
      complain("note: \(recipe.path) was made by \(program); not used here: \(unused.joined(separator: ", "))")
    }
    if recipe.seed == nil, picture.seed == nil {
      complain("note: \(recipe.path) has no seed but -1, which is a random one: the result will differ")
    }
  }

  private func makeRequests(_ folder: ModelFolder, _ recipe: Recipe, _ mode: DrawingMode) throws -> [GenerationRequest] {
    // By its words any picture is varied in one way, whatever drew it.
    let isThroughWords = variation != nil && folder.captions != nil
    var request = isThroughWords ? folder.defaultRequest : recipe.request ?? folder.defaultRequest
    if mode != .picture { request.mode = mode }
    if isThroughWords { request.mode = .variation }
    if !prompt.isEmpty {
      request.prompt = try words()
      guard !isThroughWords else {
        throw ValidationError("--variation: \(folder.name) draws by the picture's own words; leave the prompt out, or give --image")
      }
    }
    // What says more than the words of a pair is a picture of its own.
    if request.mode == .pair, from != nil, !prompt.isEmpty || source.image != nil { request.mode = .picture }
    try takeAdapters(of: &request, folder, recipe)
    if picture.className == nil, let name = recipe.className {
      request.classIndex = try recipe.classIndex ?? folder.classIndex(name)
    }
    try picture.apply(to: &request, folder)
    if let name = recipe.unknownSampler, picture.sampler == nil { throw RecipeError.sampler(path: recipe.path, name: name) }
    try applySource(to: &request, folder, from == nil ? Recipe() : recipe)
    // A seed below 2³²: PyTorch's generator, like ours, reads no more of it.
    // A variation of a picture with its own seed would be too much like it.
    return seeds(stored: from == nil ? nil : recipe.seed).map { seed in
      var one = request
      one.seed = seed
      return one
    }
  }

  /// One for each picture.
  /// - Parameter stored: of a picture that is drawn again.
  func seeds(stored: UInt64?) -> [UInt64] {
    let asked = picture.seed.map { $0.values } ?? stored.map { [Seeds.reduced($0)] } ?? []
    let first = asked.first ?? UInt64.random(in: 0..<(1 << 32))
    return asked.count > 1 ? asked : (0..<UInt64(count)).map { Seeds.reduced(first + $0) }
  }

  /// Other programs' pictures name files that are for their models: without them it is drawn all the same.
  private func takeAdapters(of request: inout GenerationRequest, _ folder: ModelFolder, _ recipe: Recipe) throws {
    let isRedrawn = prompt.isEmpty && (from != nil || variation != nil)
    let shelf = engine.adapterShelf(folder, quiet: quiet, usingWords: !isRedrawn)
    guard recipe.foreign != nil, prompt.isEmpty else { return try shelf.takeAdapters(of: &request) }
    try shelf.takeAdapters(of: &request, but: folder.options.adapters) {
      complain("note: \(recipe.path): \($0); drawn without")
    }
  }

  /// - Throws: where standard input, for `-`, has no text.
  private func words() throws -> String {
    guard prompt == ["-"] else { return prompt.joined(separator: " ") }
    let bytes = try FileHandle.standardInput.read(upToCount: 1_000_001) ?? Data()
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ValidationError("standard input is not UTF-8 text")
    }
    guard !CombiningMarks.areTooMany(in: bytes) else {
      throw ValidationError("standard input has \(CombiningMarks.tooMany)")
    }
    let words = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !words.isEmpty else { throw ValidationError("standard input has no words") }
    return words
  }

  /// - Parameter recipe: of the picture that is drawn again.
  private func applySource(to request: inout GenerationRequest, _ folder: ModelFolder, _ recipe: Recipe) throws {
    if let variation, request.mode == .variation {
      if source.strength != nil || source.mask != nil {
        throw ValidationError("--variation: \(folder.name) draws by the picture's words; --strength and --mask belong to --image")
      }
      let read = try SourcePicture(
        URL(fileURLWithPath: variation), mask: nil, size: request.size, step: folder.sizeStep, keepsPixels: true)
      for note in read.notes { complain("note: \(note)") }
      request.source = read
      return
    }
    var source = source
    source.image = source.image ?? variation
    if source.image == nil, let hash = recipe.imageHash {
      throw recipe.needs("--image", name: recipe.imageName, hash: hash)
    }
    if variation == nil, source.mask == nil, let hash = recipe.maskHash {
      throw recipe.needs("--mask", name: recipe.maskName, hash: hash)
    }
    let stored = variation == nil && recipe.imageHash != nil ? request.strength : nil
    // An enlarged picture was drawn smaller: its own size is in its settings.
    let isEnlarged = variation != nil && request.enlargement > 1
    let isSized = picture.isSized || from != nil || isEnlarged
    try source.apply(to: &request, isSized: isSized, stored: stored) { image, mask, size in
      let read = try SourcePicture(image, mask: mask, size: size ?? folder.onlySize, step: folder.sizeStep, keepsPixels: true)
      for (name, wanted, found) in [("image", recipe.imageHash, read.hash), ("mask", recipe.maskHash, read.maskHash)]
      where variation == nil && wanted != nil && wanted != found {
        complain("note: this is not the \(name) of the picture named by --from: the result will differ")
      }
      return read
    }
  }
}
