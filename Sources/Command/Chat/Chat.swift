import ArgumentParser
import DiTArguments
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Draw at a prompt line, with the model kept loaded.",
    usage: "dit-t2i chat [<options>]",
    discussion: words)

  static let words = """
    Words draw a picture. Beside them:
      again            the same words, another seed
      vary             another picture like the last one
      save [FILE]      keep the last picture
      seed 7           any option of a picture, from now on: size 320x192,
                       steps 10, class fox, negative dark, seed -1, …
      settings         what is set
      history          what was drawn
      draw WORDS       words that begin like one of these
      help, quit

    Where the terminal shows no pictures, each is saved at once.
    Ctrl-C ends a drawing, Ctrl-D the program.
    """

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The folder that pictures are saved into. (default: this one)", valueName: "folder"),
    completion: .directory, transform: Reading.path)
  var output = "."

  @OptionGroup var picture: PictureOptions

  @OptionGroup var engine: EngineOptions

  func run() throws {
    let folder = try engine.openModel()
    var request = folder.defaultRequest
    try picture.apply(to: &request, folder)
    try folder.check(request)
    let progress = ProgressBar(quiet: false)
    progress.note("loading \(folder.name)")
    let backend = try engine.makeBackend()
    let session = try engine.load(folder, backend)
    progress.clear()
    var conversation = try Conversation(
      session, request: request, seed: picture.seed?.only(), folder: output, metadata: engine.metadata(folder, backend),
      adapters: engine.adapterShelf(folder, quiet: false))
    let editor = LineEditor()
    if editor.isInteractive { Terminal.show("\(folder.name) is loaded. Say what to draw, or: help\n") }
    while let line = editor.read("dit-t2i> ") {
      do {
        guard try conversation.answer(line) else { return }
      } catch {
        complain(ExitStatus.code(of: error) == nil ? Chat.message(for: error) : "\(error)", prefix: "")
      }
    }
  }
}
