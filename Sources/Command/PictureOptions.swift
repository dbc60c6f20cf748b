import ArgumentParser
import DiTArguments
import DiTDiffusion
import DiTModels
import DiTTextToImage

/// What a picture should be, apart from its prompt: the same options on the command line and in a line of a prompt file.
struct PictureOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The same seed draws the same picture; -1 is one by chance. (default: by chance; in a batch the line's number)",
      valueName: "number"), transform: Seeds.read)
  var seed: Seeds?

  @Option(
    help: "Steps of the sampler, 1 to 1000. (default: the model's, 16 for small)", transform: Reading.whole(1...1000))
  var steps: Int?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "How much more the words count than no words; 1 is no guidance. (default: the model's, 4 for ours)",
      valueName: "scale"), transform: Reading.number(0...100))
  var guidance: Float?

  @Option(
    help: ArgumentHelp(
      "dpm++, euler_a, lcm or another; a wrong name lists them. (default: the model's, dpm++ for ours)", valueName: "name"),
    completion: .list(SamplerRegistry.names))
  var sampler: String?

  @Option(
    help: ArgumentHelp(
      "Where the noise levels lie: linear, trailing, karras or another. (default: the model's or the sampler's own)",
      valueName: "spacing"),
    completion: .list(Spacing.allCases.map(\.rawValue)), transform: Reading.choice(Spacing.self))
  var sigmas: Spacing?

  @Option(help: ArgumentHelp("DiT's respacing instead of --steps: 250, 10,20,5 or ddim50.", valueName: "text"))
  var respacing: String?

  @Option(help: "Share of fresh noise, 0 to 1, in ddim (default: 0) and tcd (default: 0.3).", transform: Reading.number(0...1))
  var eta: Double?

  @Option(
    help: ArgumentHelp(
      "Which noise channels guidance acts on: all, or official for the first three, as DiT does. (default: all)",
      valueName: "official|all"),
    completion: .list(Guidance.Channels.allCases.map(\.rawValue)), transform: Reading.choice(Guidance.Channels.self))
  var guidanceChannels: Guidance.Channels?

  @Option(
    help: ArgumentHelp(
      "Timesteps where guidance acts, 0 to 999; elsewhere a step takes half the time. (default: all)",
      valueName: "LO,HI"),
    transform: Reading.value("two timesteps from 0 to 999, 200,900 for instance") { TimestepInterval($0) })
  var guidanceInterval: TimestepInterval?

  @Option(
    help: ArgumentHelp(
      "How much is kept of guidance's part along the picture, 0 to 1; less keeps colours from oversaturating. "
        + "(default: 1)",
      valueName: "share"), transform: Reading.number(0...1))
  var guidanceParallel: Float?

  @Flag(help: "Draw in the few steps that the model has an adapter for; one evaluation each.")
  var fast = false

  @OptionGroup var savings: SavingsOptions

  @Option(
    help: ArgumentHelp("Size in pixels, 320x192 or 256, multiples of 16 from 64 to 1024.", valueName: "WxH"),
    transform: Reading.size)
  var size: PictureSize?

  @Option(
    help: ArgumentHelp(
      "auto draws sizes that the model was not trained at at one that it was, then reduces or enlarges and refines; direct "
        + "draws any size at once. (default: auto)",
      valueName: "auto|direct"),
    completion: .list(Sizing.allCases.map(\.rawValue)), transform: Reading.choice(Sizing.self))
  var sizing: Sizing?

  @Option(
    help: ArgumentHelp("Enlarge the finished picture 2, 3 or 4 times. (default: 1)", valueName: "times"),
    transform: Reading.whole(1...4))
  var scale: Int?

  @Option(name: [.customShort("W"), .long], help: .hidden, transform: Reading.whole(1...65_536))
  var width: Int?

  @Option(name: [.customShort("H"), .long], help: .hidden, transform: Reading.whole(1...65_536))
  var height: Int?

  @Option(help: ArgumentHelp("What the picture should not show.", valueName: "words"))
  var negative: String?

  @Option(
    name: .customLong("class"),
    help: ArgumentHelp("A class the model knows, by name or index; none for none.", valueName: "name|index"),
    completion: .custom { _, _, _ in Completion.classes })
  var className: String?

  func validate() throws {
    if steps != nil, respacing != nil { throw ValidationError("--steps and --respacing: give one of them") }
    if sigmas != nil, respacing != nil { throw ValidationError("--sigmas and --respacing: give one of them") }
    if size != nil, width != nil || height != nil { throw ValidationError("--size and --width or --height: give one of them") }
  }

  /// Several seeds say how many pictures there are.
  func checkCount(_ count: Int) throws {
    if count > 1, let seed, seed.values.count > 1 { throw ValidationError("--count and several seeds: give one of them") }
  }

  /// Whether the user says how large the picture is.
  var isSized: Bool { size != nil || width != nil || height != nil }

  /// Changes what was named, and what that rules out of an earlier picture's settings; the seed is the
  /// caller's matter, because it may count up.
  func apply(to request: inout GenerationRequest, _ folder: ModelFolder) throws {
    if let negative { request.negativePrompt = negative }
    if let size { request.size = size }
    if let width { request.size.width = width }
    if let height { request.size.height = height }
    if let sizing { request.sizing = sizing }
    if let scale { request.enlargement = scale }
    if fast { try folder.drawFast(&request) }
    if let sampler { folder.use(sampler, for: &request) }
    if let steps { (request.steps, request.respacing) = (steps, nil) }
    if let sigmas { (request.spacing, request.respacing) = (sigmas, nil) }
    if let respacing { (request.respacing, request.spacing) = (respacing, nil) }
    if let eta { request.eta = eta }
    if let guidance { request.guidanceScale = guidance }
    if let guidanceChannels { request.guidanceChannels = guidanceChannels }
    if let guidanceInterval { request.guidanceInterval = guidanceInterval.range }
    if let guidanceParallel { request.guidanceParallel = guidanceParallel }
    try savings.apply(to: &request, folder)
    if let className { request.classIndex = try folder.askedClass(className) }
  }
}
