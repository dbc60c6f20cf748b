import ArgumentParser
import DiTErrors
import DiTModels
import DiTTextToImage

struct Pair: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pair",
    abstract: "Draw a picture and its words, both of nothing.",
    usage: "dit-t2i pair [<options>]",
    discussion: """
      Takes a UniDiffuser, as thu-ml/unidiffuser-v1 on the hub. Picture and text are drawn from noise together; the words are
      printed, and they are the prompt in the picture's settings. All options of drawing mean what they mean there.

      Examples:
        dit-t2i pair --model unidiffuser-v1
        dit-t2i pair --model unidiffuser-v1 --count 4 --output pairs/
        dit-t2i pair --model unidiffuser-v1 --words-only --seed 3
      """)

  @Flag(help: "Draw words alone, and no picture.")
  var wordsOnly = false

  @OptionGroup var draw: Draw

  func validate() throws {
    guard draw.prompt.isEmpty else {
      let words = ([Self.configuration.commandName ?? ""] + draw.prompt).joined(separator: " ")
      throw ValidationError("pair draws its words itself; to draw these: dit-t2i draw \(words)")
    }
    let others = [
      ("--image", draw.source.image), ("--variation", draw.variation), ("--from", draw.from), ("--class", draw.picture.className),
    ]
    if let (name, _) = others.first(where: { $0.1 != nil }) {
      throw ValidationError("\(name): a pair is drawn of nothing; leave it out")
    }
    if draw.show.attention { throw ValidationError("--attention: a pair is drawn of nothing; leave it out") }
    if wordsOnly, draw.output != nil { throw ValidationError("--words-only: there is no picture for --output; words are printed") }
    if wordsOnly, draw.show.writesSheets || draw.show.preview {
      throw ValidationError("--words-only: there is no picture to show; leave --strip and --preview out")
    }
  }

  func run() throws { try wordsOnly ? draw.tell() : draw.draw(.pair) }
}

extension Draw {
  /// Prints words that are of no picture, a line for each seed.
  fileprivate func tell() throws {
    let folder = try engine.openModel(quiet: quiet, for: .words)
    let backend = try engine.makeBackend()
    let captioner = try PictureCaptioner(folder, backend: backend)
    var request = CaptionRequest()
    request.steps = picture.steps ?? request.steps
    let seeds = seeds(stored: nil)
    let bar = ProgressBar(quiet: quiet)
    bar.note("loading \(folder.name)")
    let found = try captioner.texts(seeds: seeds, request) { bar.show($0, of: $1) }
    bar.clear()
    for (seed, captions) in zip(seeds, found) {
      let words = WordsAnswer(captions, seed: seed)
      let line = quiet ? words.line : TerminalText.joined([words.line, "seed \(seed)"])
      Terminal.print(try json ? jsonText(words, isLine: true) : line)
    }
  }
}
