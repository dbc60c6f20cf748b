import ArgumentParser
import DiTArguments
import DiTImage
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

struct Caption: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "caption",
    abstract: "Say in words what a picture shows.",
    discussion: """
      Takes a UniDiffuser, as thu-ml/unidiffuser-v1 on the hub: the text is drawn from noise, given the picture, and put into
      words by beam search. A picture is read by its middle square; - is standard input.

      Examples:
        dit-t2i caption fox.jpg --model unidiffuser-v1
        dit-t2i caption *.png --model unidiffuser-v1 --json | jq -r .caption
        dit-t2i caption fox.jpg --model uvit_v1.pth --image-encoder clip-vit-base-patch32 --caption-tokenizer gpt2
      """)

  @Argument(help: "The pictures: PNG, JPEG or WebP.", completion: .file(), transform: Reading.path)
  var pictures: [String]

  @Option(
    name: .shortAndLong, help: ArgumentHelp("A UniDiffuser's name, folder or file of weights.", valueName: "path"),
    completion: .custom { _, _, prefix in Completion.models(prefix) }, transform: Reading.path)
  var model: String?

  @OptionGroup var parts: PartOptions

  @Option(help: ArgumentHelp("More take longer.", valueName: "count"), transform: Reading.whole(1...1000))
  var steps = 50

  @Option(
    name: .shortAndLong, help: ArgumentHelp("How much the picture counts: 1 is no guidance.", valueName: "scale"),
    transform: Reading.number(0...100))
  var guidance: Float = 8

  @Option(help: ArgumentHelp("The same seed gives the same words.", valueName: "number"), transform: Reading.whole(0...Int.max))
  var seed = 0

  @Flag(help: "Print an object of JSON a line for each picture, with all captions that were found and their scores.")
  var json = false

  @Option(
    help: ArgumentHelp("Numbers to compute in: auto, f32, bf16, int12 or int8. (default: auto)", valueName: "name"),
    completion: .list(Precision.allCases.map(\.rawValue)), transform: Reading.choice(Precision.self))
  var precision: Precision?

  @Option(
    help: ArgumentHelp("Threads to use; the words do not depend on it.", valueName: "count"), transform: Reading.whole(1...256))
  var threads: Int?

  @Flag(help: "No progress.")
  var quiet = false

  func run() throws {
    let folder = try ModelFolder(ModelLocator().locate(model), options: parts.options(), for: .words)
    if !quiet { folder.complainOfNotes() }
    let backend = try Backend(.native, precision: precision ?? .auto, threads: threads)
    let captioner = try PictureCaptioner(folder, backend: backend)
    let shown = try pictures.map { try Picture(contentsOf: URL(fileURLWithPath: $0 == "-" ? "/dev/stdin" : $0)) }
    var request = CaptionRequest()
    (request.steps, request.guidanceScale, request.seed) = (steps, guidance, UInt64(seed))
    let bar = ProgressBar(quiet: quiet)
    bar.note("loading \(folder.name)")
    let found = try captioner.captions(of: shown, request) { bar.show($0, of: $1) }
    bar.clear()
    for (path, captions) in zip(pictures, found) {
      let words = WordsAnswer(captions, file: path)
      Terminal.print(try json ? jsonText(words, isLine: true) : (pictures.count > 1 ? "\(path): " : "") + words.line)
    }
  }
}

/// Words that were drawn: a line for people, the fields for programs.
struct WordsAnswer: Encodable {
  /// Of the picture that they are of; nil: of none.
  var file: String?
  /// They were drawn from.
  var seed: UInt64?
  let caption: String
  let score: Double
  let captions: [Found]

  struct Found: Encodable {
    let text: String
    let score: Double

    init(_ caption: PictureCaption) { (text, score) = (caption.text, caption.score) }
  }

  init(_ all: [PictureCaption], file: String? = nil, seed: UInt64? = nil) {
    (self.file, self.seed) = (file, seed)
    (caption, score) = (all.first?.text ?? "", all.first?.score ?? 0)
    captions = all.map(Found.init)
  }

  var line: String { TerminalText.plain(caption) }
}
