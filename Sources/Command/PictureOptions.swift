import ArgumentParser
import Pipeline

/// What a picture should be, apart from its prompt: the same options on the command line and in a line of a prompt file.
struct PictureOptions: ParsableArguments {
  @Option(help: "The same seed draws the same picture. (default: random)")
  var seed: UInt64?

  @Option(help: "Steps of the sampler, 1 to 1000. (default: the model's, 25 for ours)")
  var steps: Int?

  @Option(name: .shortAndLong, help: "How much more the words count than no words; 1 is no guidance. (default: the model's, 3 for ours)")
  var guidance: Float?

  @Option(help: "ddpm, ddim, dpm++ or another; a wrong name lists them. (default: dpm++)")
  var sampler: String?

  @Option(help: ArgumentHelp("Size in pixels, multiples of 16 from 64 to 1024.", valueName: "WxH"))
  var size: PictureSize?

  @Option(help: "What the picture should not show.")
  var negative: String?

  @Option(name: .customLong("class"), help: ArgumentHelp("A class the model knows, by name or index.", valueName: "name|index"))
  var className: String?

  func validate() throws {
    if let guidance, !guidance.isFinite { throw ValidationError("--guidance \(guidance): expected a number from 0 to 100") }
  }

  /// Changes what was named; the seed is the caller's matter, because it may count up.
  func apply(to request: inout GenerationRequest, _ folder: ModelFolder) throws {
    if let negative { request.negativePrompt = negative }
    if let size { request.size = size }
    if let steps { request.steps = steps }
    if let sampler { request.sampler = sampler.lowercased() }
    if let guidance { request.guidanceScale = guidance }
    if let className { request.classIndex = try folder.classIndex(className) }
  }
}
