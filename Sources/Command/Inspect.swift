import ArgumentParser
import DiTArguments
import DiTErrors
import DiTModels
import DiTStudy
import DiTTensors
import DiTTextToImage
import DiTTransformer
import Foundation

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Say what a model consists of and what it takes to run, without reading its numbers.",
    usage: "dit-t2i inspect [<model>] [<options>]",
    discussion: """
      Examples:
        dit-t2i inspect                          the default model
        dit-t2i inspect DiT-XL-2-256x256.pt      any checkpoint: its tensors
        dit-t2i inspect fox.safetensors          a LoRA: what models it fits
        dit-t2i inspect --config XL/2 --scheme cross-attention --size 512
        dit-t2i inspect --table                  the paper's models and schemes
        dit-t2i inspect --published              what people download, and its cost
        dit-t2i inspect --cpu                    what 'auto' computes in here

      Multiply-adds are of one picture in one evaluation of the transformer (a step of guidance \
      takes two), as the paper counts its "Gflops".
      """)

  @Argument(help: "A model's name or folder, or a checkpoint.")
  var model: String?

  @Option(
    help: ArgumentHelp("What a LoRA is, and whether it fits the model.", valueName: "path"), completion: .file(),
    transform: Reading.path)
  var lora: String?

  @Option(
    help: ArgumentHelp("A configuration instead: tiny, small, or S, B, L, XL with /2, /4, /8.", valueName: "name"))
  var config: String?

  @Option(
    help: ArgumentHelp("in-context, cross-attention, adaln or adaln-zero, for --config.", valueName: "name"),
    completion: .list(ConditioningScheme.allCases.map(\.rawValue)), transform: Reading.choice(ConditioningScheme.self))
  var scheme: ConditioningScheme?

  @Option(help: ArgumentHelp("Size in pixels, 512 or 384x256. (default: the model's own)", valueName: "WxH"),
    transform: Reading.size)
  var size: PictureSize?

  @Option(
    help: ArgumentHelp("Pixels of the size that the model was trained at, where its file does not say.", valueName: "pixels"),
    transform: Reading.whole(64...4096))
  var baseSize: Int?

  @Option(help: ArgumentHelp("Tokens of the prompt.", valueName: "count"), transform: Reading.whole(1...4096))
  var tokens = 16

  @Flag(help: "List every tensor.")
  var tensors = false

  @Flag(help: "Print JSON, tensors included.")
  var json = false

  @Flag(help: "Print parameters and multiply-adds of the paper's models beside the paper's numbers.")
  var table = false

  @Flag(help: "Print what published models take: download, memory, time on two cores, and which command draws.")
  var published = false

  @Flag(help: "Say what this processor can do, and what is used of it.")
  var cpu = false

  func validate() throws {
    if cpu, model != nil || config != nil || table || published {
      throw ValidationError("--cpu is about the processor: give it alone")
    }
    if published, model != nil || config != nil || table || json || tensors || lora != nil || size != nil || baseSize != nil {
      throw ValidationError("--published is a table of its own: give it alone")
    }
    if model != nil, config != nil { throw ValidationError("give a model or --config, not both") }
    if lora != nil, config != nil || cpu || table { throw ValidationError("--lora: give it alone, or with a model") }
    if scheme != nil, config == nil { throw ValidationError("--scheme belongs to --config") }
  }

  func run() throws {
    if cpu {
      Terminal.print(try Backend.describeCPU())
      return
    }
    if table {
      Terminal.print(try SchemeTable.text())
      return
    }
    if published {
      Terminal.print(try PublishedModels.table())
      return
    }
    if let adapter = try inspectedAdapter() {
      Terminal.print(json ? try jsonText(adapter) : adapter.text)
      return
    }
    let inspection = try inspected()
    guard !json else {
      Terminal.print(try jsonText(inspection))
      return
    }
    if let file { Terminal.print(try describeFile(file)) }
    show(inspection)
  }

  /// Of `--lora`, with the model it has to fit, or of a file that is one; nil where none is meant.
  private func inspectedAdapter() throws -> LoRAInspection? {
    if let lora {
      let adapter = try LoRA(NamedLoRA(lora, in: LoRAFolder(nil, taught: TaughtAdapters.folder)).url)
      let models = try model.map { try [ModelLocator().locate($0)] } ?? ModelLocator().models.map(\.url)
      if model != nil { try adapter.check(fits: models[0]) }
      return LoRAInspection(adapter, models: models)
    }
    guard let file, LoRAInspection.recognises(file) else { return nil }
    do {
      return try LoRAInspection(LoRA(file), models: ModelLocator().models.map(\.url))
    } catch let error as any UserError where !json {
      // One that is not read is still a checkpoint, whose tensors can be listed.
      complain("note: \(error)")
      return nil
    }
  }

  /// A checkpoint, where not a whole model is meant.
  private var file: URL? {
    guard let model, FileManager.default.fileExists(atPath: model),
      let url = try? HubCache.resolved(URL(fileURLWithPath: model))
    else { return nil }
    if ModelLocator.isModel(url) { return nil }
    // Of a folder with some parts of a model, the one that says most.
    let parts = ["transformer", "text_encoder", "vae"].map { url.appendingPathComponent($0) }
    return parts.first { FileManager.default.fileExists(atPath: $0.path) } ?? url
  }

  private func inspected() throws -> ModelInspection {
    if let config {
      return try ModelInspection(configuration: config, scheme: scheme, size: size, textTokens: tokens)
    }
    if let file { return try ModelInspection(checkpoint: file, baseSize: baseSize, size: size, textTokens: tokens) }
    var options = ModelOptions()
    options.baseSize = baseSize
    let folder = try ModelFolder(ModelLocator().locate(model), options: options)
    folder.complainOfNotes()
    return try ModelInspection(folder: folder, size: size, textTokens: tokens)
  }

  private func show(_ inspection: ModelInspection) {
    let grid = inspection.grid.map { ", \($0[1])×\($0[0]) patches" } ?? ""
    let text = inspection.textTokens.map { ", a prompt of \($0) tokens" } ?? ""
    Terminal.print("\(inspection.name)\(grid)\(text)")
    let pad = { (text: String, width: Int) in text + String(repeating: " ", count: max(1, width - text.count)) }
    let line = { (name: String, parameters: Int, multiplyAdds: Int, per: String) in
      pad(name, 42) + String(format: "%12.3f M", Double(parameters) / 1e6)
        + (multiplyAdds == 0 ? "" : String(format: "%12.4f GMAC ", Double(multiplyAdds) / 1e9) + per)
    }
    for part in inspection.parts {
      Terminal.print(line(part.name, part.parameters, 0, ""))
      for stage in part.stages { Terminal.print(line("  " + stage.name, stage.parameters, stage.multiplyAdds, stage.per)) }
      if part.multiplyAddsPerStep > 0 {
        Terminal.print(line("  together", part.parameters, part.multiplyAddsPerStep, "a step"))
      }
    }
    if let scheduler = inspection.scheduler { Terminal.print("scheduler: \(scheduler)") }
    if let share = inspection.textCrossAttentionShare {
      Terminal.print(String(format: "text cross-attention is %.1f %% of a step", 100 * share))
    }
    let bytes = inspection.tensors.contains { $0.type != nil } ? "stored" : "to be stored"
    Terminal.print(
      String(
        format: "%d tensors, %.3f M numbers %@", inspection.tensors.count, Double(inspection.storedParameters) / 1e6,
        bytes))
    guard tensors || inspection.parts.isEmpty else { return }
    for tensor in inspection.tensors { Terminal.print("  \(pad(tensor.name, 64)) \(pad(tensor.type ?? "", 5))\(tensor.shape)") }
  }
}

/// A value as JSON for people and programs.
/// - Parameter isLine: for programs that read a value a line.
func jsonText(_ value: some Encodable, isLine: Bool = false) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  if !isLine { encoder.outputFormatting.insert(.prettyPrinted) }
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}
