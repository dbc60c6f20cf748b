import ArgumentParser
import Foundation

struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Show the defaults of your configuration file.",
    discussion: """
      ~/.config/dit-t2i/config.toml has options without their dashes; what is given on \\
      the command line counts more, and --config names another file:
        size = "320x192"     # for draw, batch and grid
        threads = 2
        [draw]               # for one of them
        preview = true
      """)

  @Argument(help: ArgumentHelp("Another file.", valueName: "file"), completion: .file())
  var file: String?

  func run() throws {
    let defaults = try Defaults(file)
    guard let url = defaults.url else {
      Terminal.print("\(Defaults.usualPlace.path) is not there: every default is the program's own")
      return
    }
    Terminal.print(url.path)
    for argument in defaults.shared { Terminal.print("  \(argument)") }
    for (name, _) in Defaults.commands {
      guard let own = defaults.sections[name], !own.isEmpty else { continue }
      Terminal.print("\(name)")
      for argument in own { Terminal.print("  \(argument)") }
    }
  }
}
