import ArgumentParser
import DiTDiffusion
import DiTModels
import DiTTextToImage

/// What a picture should be, apart from its prompt: the same options on the command line and in a line of a prompt file.
struct PictureOptions: ParsableArguments {
  @Option(help: "The same seed draws the same picture. (default: random)")
  var seed: UInt64?

  @Option(help: "Steps of the sampler, 1 to 1000. (default: the model's, 25 for ours)")
  var steps: Int?

  @Option(
    name: .shortAndLong,
    help: "How much more the words count than no words; 1 is no guidance. (default: the model's, 4 for ours)")
  var guidance: Float?

  @Option(help: "ddpm, ddim, dpm++ or another; a wrong name lists them. (default: dpm++)")
  var sampler: String?

  @Option(
    help: ArgumentHelp(
      "Where the noise levels lie: linear, trailing, karras or another. (default: the sampler's own)",
      valueName: "spacing"))
  var sigmas: Spacing?

  @Option(help: ArgumentHelp("DiT's respacing instead of --steps: 250, 10,20,5 or ddim50.", valueName: "text"))
  var respacing: String?

  @Option(help: "Share of fresh noise in ddim, 0 to 1. (default: 0)")
  var eta: Double?

  @Option(
    help: ArgumentHelp(
      "Which noise channels guidance acts on: all, or official for the first three, as DiT does. (default: all)",
      valueName: "official|all"))
  var guidanceChannels: Guidance.Channels?

  @Option(
    help: ArgumentHelp(
      "Timesteps where guidance acts, 0 to 999; elsewhere a step takes half the time. (default: all)",
      valueName: "LO,HI"))
  var guidanceInterval: TimestepInterval?

  @Option(
    help: ArgumentHelp(
      "How much is kept of guidance's part along the picture, 0 to 1; less keeps colours from oversaturating. "
        + "(default: 1)",
      valueName: "share"))
  var guidanceParallel: Float?

  @Option(help: ArgumentHelp("Size in pixels, multiples of 16 from 64 to 1024.", valueName: "WxH"))
  var size: PictureSize?

  @Option(help: "What the picture should not show.")
  var negative: String?

  @Option(
    name: .customLong("class"),
    help: ArgumentHelp("A class the model knows, by name or index.", valueName: "name|index"))
  var className: String?

  func validate() throws {
    if let guidance, !guidance.isFinite {
      throw ValidationError("--guidance \(guidance): expected a number from 0 to 100")
    }
    if steps != nil, respacing != nil { throw ValidationError("--steps and --respacing: give one of them") }
    if sigmas != nil, respacing != nil { throw ValidationError("--sigmas and --respacing: give one of them") }
  }

  /// Changes what was named, and what that rules out of an earlier picture's settings; the seed is the
  /// caller's matter, because it may count up.
  func apply(to request: inout GenerationRequest, _ folder: ModelFolder) throws {
    if let negative { request.negativePrompt = negative }
    if let size { request.size = size }
    if let steps { (request.steps, request.respacing) = (steps, nil) }
    if let sampler, sampler.lowercased() != request.sampler {
      (request.sampler, request.eta) = (sampler.lowercased(), 0)
    }
    if let sigmas { (request.spacing, request.respacing) = (sigmas, nil) }
    if let respacing { (request.respacing, request.spacing) = (respacing, nil) }
    if let eta { request.eta = eta }
    if let guidance { request.guidanceScale = guidance }
    if let guidanceChannels { request.guidanceChannels = guidanceChannels }
    if let guidanceInterval { request.guidanceInterval = guidanceInterval.range }
    if let guidanceParallel { request.guidanceParallel = guidanceParallel }
    if let className { request.classIndex = try folder.classIndex(className) }
  }
}
