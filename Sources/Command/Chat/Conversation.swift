import ArgumentParser
import DiTErrors
import DiTImage
import DiTModels
import DiTTextToImage
import Foundation

/// What is said and drawn at the prompt line of `chat`.
struct Conversation {
  private let session: DrawingSession
  private let metadata: PictureMetadata
  private let adapters: LoRAShelf
  private let folder: String
  /// What the next picture is drawn from, but for its seed.
  private var request: GenerationRequest
  /// Nil: by chance.
  private var seed: UInt64?
  private var drawn: [Entry] = []

  private struct Entry {
    let drawn: GeneratedPicture
    var file: String?
    var request: GenerationRequest { drawn.request }
  }

  init(
    _ session: DrawingSession, request: GenerationRequest, seed: UInt64?, folder: String, metadata: PictureMetadata,
    adapters: LoRAShelf
  ) throws {
    self.adapters = adapters
    (self.session, self.request, self.seed, self.folder, self.metadata) = (session, request, seed, folder, metadata)
    try OutputNames(folder + "/", prompt: "", className: nil).checkFolder()
  }

  private var model: ModelFolder { session.model.folder }

  /// - Returns: false where nothing more is wanted.
  mutating func answer(_ line: String) throws -> Bool {
    let line = line.trimmingCharacters(in: .whitespaces)
    let word = String(line.prefix { !$0.isWhitespace })
    let rest = String(line.dropFirst(word.count)).trimmingCharacters(in: .whitespaces)
    switch (word, rest.isEmpty) {
    case ("", _): break
    case ("quit", true), ("exit", true), ("bye", true): return false
    case ("help", true), ("?", true): Terminal.print(Chat.words)
    case ("settings", true): showSettings()
    case ("history", true): showHistory()
    case ("again", true): try drawAgain()
    case ("vary", true): try vary()
    case ("save", _): try save(as: rest.isEmpty ? nil : rest)
    case ("draw", false): try draw(words: rest)
    default:
      if Conversation.options.contains(word), !rest.isEmpty, rest.split(separator: " ").count == 1 || word == "negative" {
        try set(word, rest)
      } else {
        try draw(words: line)
      }
    }
    return true
  }

  /// Those of ``PictureOptions``.
  private static let options: Set<String> = [
    "seed", "steps", "guidance", "sampler", "sigmas", "respacing", "eta", "guidance-channels", "guidance-interval",
    "guidance-parallel", "cache", "guidance-every", "size", "sizing", "negative", "class",
  ]

  private mutating func set(_ name: String, _ value: String) throws {
    let options = try PictureOptions.parse(["--\(name)=\(value)"])
    var changed = request
    try options.apply(to: &changed, model)
    try model.check(changed)
    if let seeds = options.seed { seed = try seeds.only() }
    request = changed
    showSettings()
  }

  private func showSettings() {
    let seed = seed.map { "seed \($0)" } ?? "a seed by chance"
    let parts = [
      "\(request.size)", counted(model.steps(of: request), "step"), request.sampler, request.settingWords, seed,
      request.classIndex.map { "class \(model.className($0))" },
      model.adapterNames(of: request).map { "LoRA \($0.joined(separator: ", "))" },
      request.negativePrompt.isEmpty ? nil : "negative \"\(request.negativePrompt)\"",
    ]
    Terminal.print(parts.compactMap { $0 }.joined(separator: ", "))
  }

  private func showHistory() {
    for (index, entry) in drawn.enumerated() {
      Terminal.print("\(index + 1)  seed \(entry.request.seed)  \(entry.request.prompt)  \(entry.file ?? "(not saved)")")
    }
  }

  // MARK: drawing

  private mutating func draw(words: String) throws {
    var wanted = request
    wanted.prompt = words
    try draw(wanted, seed: seed)
    request.prompt = words
  }

  private mutating func drawAgain() throws {
    guard let last = drawn.last else { throw ValidationError("nothing was drawn yet") }
    // A seed that was set since is meant; the last one would draw the last picture.
    try draw(request, seed: seed == last.request.seed ? nil : seed)
  }

  private mutating func vary() throws {
    guard let last = drawn.last else { throw ValidationError("nothing was drawn yet") }
    var wanted = last.request
    // Kept in memory: where it lay does not matter afterwards.
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("dit-t2i-\(UUID().uuidString).png")
    defer { try? FileManager.default.removeItem(at: file) }
    try last.drawn.picture.write(to: file, texts: [metadata.parameters(of: last.drawn).pngText], replacing: false)
    wanted.source = try SourcePicture(file, mask: nil, size: wanted.size, step: model.sizeStep, keepsPixels: true)
    wanted.strength = 0.6
    try draw(wanted, seed: nil)
  }

  private mutating func draw(_ wanted: GenerationRequest, seed: UInt64?) throws {
    var wanted = wanted
    wanted.seed = seed ?? UInt64.random(in: 0..<(1 << 32))
    try adapters.takeAdapters(of: &wanted)
    try model.check(wanted)
    try PromptNotes.show([wanted], session.model)
    let progress = ProgressBar(quiet: false)
    let preview = TerminalPreview { _ in }
    let start = ContinuousClock.now
    let finished = try Interruption.cancelling { isCancelled in
      try session.draw([wanted]) { event in
        if isCancelled() { throw CancellationError() }
        switch event {
        case .predictedOriginal(_, let latents):
          if let preview, preview.isDue { try preview.show(session.model.picture(of: latents[0])) }
        case .step(let step, let steps): progress.show(step, of: steps)
        case .decoding: progress.note("decoding")
        case .attention, .finished: break
        }
      }[0]
    }
    progress.clear()
    guard let finished else { return complain("stopped", prefix: "") }
    preview?.finish(finished.picture)
    drawn.append(Entry(drawn: finished))
    let time = duration(seconds(since: start))
    if preview == nil { try save(as: nil) }
    Terminal.print("seed \(wanted.seed)  \(wanted.finishedSize)  \(counted(model.steps(of: wanted), "step"))  \(time)")
    if let saved = finished.saved { Terminal.print("cache: \(saved)") }
  }

  private mutating func save(as name: String?) throws {
    guard let last = drawn.last else { throw ValidationError("nothing was drawn yet") }
    let names = OutputNames(
      name.map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" } ?? folder + "/", prompt: last.request.prompt,
      className: last.request.classIndex.map(model.className))
    try names.checkFolder()
    let file = try names.write(last.drawn.picture, texts: [metadata.parameters(of: last.drawn).pngText], number: nil)
    drawn[drawn.count - 1].file = file
    Terminal.print(file)
  }
}
