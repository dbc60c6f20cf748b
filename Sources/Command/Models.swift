import ArgumentParser
import DiTArguments
import DiTErrors
import DiTModels
import DiTTextToImage

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List the models there are, and what was taught.",
    discussion: """
      Models are looked for in the Weights folder beside the program, or in ../share/dit-t2i from there; what \
      dit-t2i teach has made, in ~/.local/share/dit-t2i/adapters.
      """)

  @Argument(
    help: ArgumentHelp("Only these: names, folders or files of weights.", valueName: "model"),
    completion: .custom { _, _, prefix in Completion.models(prefix) })
  var names: [String] = []

  @Option(name: .shortAndLong, help: .hidden, transform: Reading.path)
  var model: String?

  @Flag(help: "List the classes of each model.")
  var classes = false

  @Flag(help: "Print JSON.")
  var json = false

  private struct Entry: Encodable {
    let name: String
    let path: String
    let isDefault: Bool
    let width, height: Int
    let blocks: Int
    let hiddenSize: Int
    let readsText: Bool
    let classCount: Int
    let classes: [String]?

    private enum CodingKeys: String, CodingKey {
      case name, path, isDefault = "default", width, height, blocks, hiddenSize, readsText, classCount, classes
    }

    init(_ folder: ModelFolder, isDefault: Bool, listsClasses: Bool) {
      let shape = folder.transformer
      (name, path, self.isDefault) = (folder.name, folder.url.path, isDefault)
      (width, height) = (folder.nativeSize.width, folder.nativeSize.height)
      (blocks, hiddenSize, readsText) = (shape.blockCount, shape.hiddenSize, folder.text != nil)
      classCount = shape.askableClasses
      classes = listsClasses ? folder.classes : nil
    }

    var text: String {
      let line = "\(name)\(isDefault ? " (default)" : "")  \(width)x\(height), \(blocks) blocks of width \(hiddenSize), "
        + "\(counted(classCount, "class", "classes"))  \(path)"
      return ([line] + (classes ?? []).enumerated().map { "  \($0.offset)  \($0.element)" }).joined(separator: "\n")
    }
  }

  /// An adapter that prompts find by its word.
  private struct TaughtEntry: Encodable {
    let name: String
    let path: String
    let word: String
    let base: String
    let captions: Int
    let isAdapter = true

    private enum CodingKeys: String, CodingKey { case name, path, word, base, captions, isAdapter = "adapter" }

    init(_ entry: TaughtAdapters.Entry) {
      (name, path, word) = (entry.name, entry.url.path, entry.record.word)
      (base, captions) = (entry.record.base, entry.record.captions)
    }

    var text: String { "\(name)  \(listed([word])), taught to \(base)  \(path)" }
  }

  /// A line of the list.
  private enum Line: Encodable {
    case model(Entry)
    case taught(TaughtEntry)

    func encode(to encoder: Encoder) throws {
      switch self {
      case .model(let entry): try entry.encode(to: encoder)
      case .taught(let entry): try entry.encode(to: encoder)
      }
    }

    var text: String {
      switch self {
      case .model(let entry): entry.text
      case .taught(let entry): TerminalText.plain(entry.text)
      }
    }
  }

  func run() throws {
    let locator = ModelLocator()
    let standard = try? locator.locate(nil)
    let wanted = names + [model].compactMap { $0 }
    let urls = try wanted.isEmpty ? locator.models.map(\.url) : wanted.map(locator.locate)
    if urls.isEmpty { _ = try locator.locate(nil) }  // says where it looked
    var entries: [Entry] = []
    for url in urls {
      do {
        entries.append(Entry(try ModelFolder(url), isDefault: url == standard, listsClasses: classes))
      } catch let error where wanted.isEmpty {
        complain("\(error)")  // one bad folder does not hide the others
      }
    }
    let taught = wanted.isEmpty ? TaughtAdapters().entries.map { Line.taught(TaughtEntry($0)) } : []
    let lines = entries.map { Line.model($0) } + taught
    Terminal.print(try json ? jsonText(lines) : lines.map(\.text).joined(separator: "\n"))
  }
}
