import ArgumentParser
import DiTModels
import DiTTextToImage

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List the models this program finds.",
    discussion: "Models are looked for in the Weights folder beside the program, or in ../share/dit-t2i from there.")

  @Flag(help: "List the classes of each model.")
  var classes = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Only this model: a name or folder.", valueName: "dir"))
  var model: String?

  func run() throws {
    let locator = ModelLocator()
    let chosen = try locator.locate(model)
    let urls = model == nil ? locator.models.map(\.url) : [chosen]
    for url in urls {
      let folder: ModelFolder
      do {
        folder = try ModelFolder(url)
      } catch {
        complain("\(error)")
        continue
      }
      let shape = folder.transformer
      print(
        "\(folder.name)\(url == chosen ? " (default)" : "")  \(folder.nativeSize), \(shape.blockCount) blocks of width "
          + "\(shape.hiddenSize), \(shape.askableClasses) classes  \(url.path)")
      if classes { print(folder.classes.enumerated().map { "  \($0.offset)  \($0.element)" }.joined(separator: "\n")) }
    }
  }
}
