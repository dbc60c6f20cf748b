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
      Takes a UniDiffuser in diffusers' layout, as thu-ml/unidiffuser-v1 on the hub: the text is drawn from noise, given the
      picture, and put into words by beam search. A picture is read by its middle square.

      Examples:
        dit-t2i caption fox.jpg --model unidiffuser-v1
        dit-t2i caption *.png --model unidiffuser-v1 --json | jq -r .caption
      """)

  @Argument(help: "The pictures: PNG, JPEG or WebP.", completion: .file(), transform: Reading.path)
  var pictures: [String]

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The model's folder, or its name on the hub if it is in the cache.", valueName: "path"),
    completion: .directory, transform: Reading.path)
  var model: String?

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

  private struct Answer: Encodable {
    var file: String
    var caption: String
    var score: Double
    var captions: [Found]

    struct Found: Encodable {
      var text: String
      var score: Double
    }
  }

  func run() throws {
    let folder = try UniDiffuserFolder(ModelLocator().locate(model))
    let shown = try pictures.map { try Picture(contentsOf: URL(fileURLWithPath: $0)) }
    let backend = try Backend(.native, precision: precision ?? .auto, threads: threads)
    var request = CaptionRequest()
    (request.steps, request.guidanceScale, request.seed) = (steps, guidance, UInt64(seed))
    let bar = ProgressBar(quiet: quiet || json)
    let found = try PictureCaptioner(folder, backend: backend).captions(of: shown, request) { step, steps in
      bar.show(step, of: steps)
    }
    bar.clear()
    for (path, captions) in zip(pictures, found) {
      guard let best = captions.first else { continue }
      if json {
        let all = captions.map { Answer.Found(text: $0.text, score: $0.score) }
        Terminal.print(try jsonText(Answer(file: path, caption: best.text, score: best.score, captions: all), isLine: true))
      } else {
        let words = printable(best.text)
        Terminal.print(pictures.count > 1 ? "\(path): \(words)" : words)
      }
    }
  }

  /// Without what a terminal would obey.
  private func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
  }
}
