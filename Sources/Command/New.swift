import ArgumentParser
import DiTArguments
import DiTModels
import DiTStudy
import DiTTensors
import DiTTextToImage
import Foundation

struct New: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new",
    abstract: "Write a complete model folder with random weights: for measuring and testing, not for drawing.",
    usage: "dit-t2i new <output> [<options>]",
    discussion: """
      Example:
        dit-t2i new --config small --seed 0 random-small

      A configuration is tiny or small as they are published, micro for tests, or a size of the DiT paper (S/2 … XL/8) as a \
      text model of 256 pixels. Weights have unit gain and gates around a half, so that every part of the model counts.
      """)

  @Argument(help: "The new folder.")
  var output: String

  @Option(help: ArgumentHelp("Which configuration.", valueName: "name"))
  var config = "small"

  @Option(
    help: ArgumentHelp("The same seed gives the same weights.", valueName: "number"),
    transform: Reading.value("a whole number from 0") { UInt64($0) })
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "f16, bf16 or f32; for int8 use 'dit-t2i convert' on the result. (default: f16)", valueName: "type"),
    completion: .list(["f16", "bf16", "f32"]),
    transform: Reading.value("f16, bf16 or f32; for int8 write f16, then 'dit-t2i convert' it") { text in
      StorageType(rawValue: text).flatMap { $0 == .int8 ? nil : $0 }
    })
  var type = StorageType.f16

  @Flag(name: .shortAndLong, help: "Print nothing.")
  var quiet = false

  func run() throws {
    let blueprint = try ModelBlueprint(named: config)
    // All text models share one tokenizer: it is the default model's.
    let tokenizer = try ModelLocator().locate(nil).appendingPathComponent("tokenizer/spiece.model")
    let progress = ProgressBar(quiet: quiet)
    progress.note("writing \(output)")
    let elementType: ElementType = type == .f32 ? .f32 : type == .bf16 ? .bf16 : .f16
    Interruption.removeFolders()
    try blueprint.write(to: URL(fileURLWithPath: output), seed: seed, type: elementType, tokenizer: tokenizer)
    progress.clear()
    guard !quiet else { return }
    let millions = Double(try blueprint.parameterCount()) / 1e6
    Terminal.print(String(format: "%@  %.1f million random numbers as %@, seed %llu", output, millions, type.rawValue, seed))
  }
}
