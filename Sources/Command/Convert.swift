import ArgumentParser
import DiTArguments
import DiTModels
import DiTTextToImage
import Foundation

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model as a folder, in int8, f16, bf16 or f32.",
    usage: "dit-t2i convert <model> <output> [<options>]",
    discussion: """
      Examples:
        dit-t2i convert ~/models/mine Weights/mine --type int8
        dit-t2i convert DiT-XL-2-256x256.pt dit-xl --vae ~/sd-vae --type bf16
        dit-t2i convert PixArt pixart-fox --lora fox.safetensors:0.8

      int8 keeps one scale for each row of a matrix; small tensors, norms and biases stay as they are.
      """)

  @Argument(help: "A model's name, folder or file of weights.")
  var model: String

  @Argument(help: "The new folder.")
  var output: String

  @Option(
    help: ArgumentHelp("int8, f16, bf16 or f32. (default: int8)", valueName: "type"),
    completion: .list(StorageType.allCases.map(\.rawValue)), transform: Reading.choice(StorageType.self))
  var type = StorageType.int8

  @OptionGroup var parts: PartOptions

  @Flag(name: .shortAndLong, help: "Print nothing.")
  var quiet = false

  func run() throws {
    let source = try ModelFolder(ModelLocator().locate(model), options: parts.options())
    if !quiet { source.complainOfNotes() }
    let target = URL(fileURLWithPath: output)
    let progress = ProgressBar(quiet: quiet)
    Interruption.removeFolders()
    try ModelConverter.convert(source, to: target, as: type) { progress.note("converting \($0)") }
    progress.clear()
    guard !quiet else { return }
    let sizes = { (url: URL) in
      (FileManager.default.enumerator(at: url, includingPropertiesForKeys: [.fileSizeKey])?.compactMap { $0 as? URL } ?? [])
        .filter { $0.pathExtension == "safetensors" }
        .reduce(0) { $0 + ((try? $1.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0) }
    }
    Terminal.print(String(format: "%@  %.1f MB of weights as %@", output, Double(sizes(target)) / 1e6, type.rawValue))
  }
}
