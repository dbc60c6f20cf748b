import DiTErrors
import DiTModels
import DiTTextToImage

/// What is said of a picture that was drawn: a line for people, the fields for programs.
struct DrawnPicture: Encodable {
  let file: String
  let sheets: [String]
  let prompt: String
  let negative: String
  let className: String?
  let classIndex: Int?
  /// "fox:0.8"; nil: none.
  let loras: [String]?
  let seed: UInt64
  let width, height: Int
  /// How many times larger it is than what was drawn; nil: not.
  let scale: Int?
  let steps: Int
  let sampler: String
  let guidance: Float
  let model: String
  let cache: Float?
  let guidanceEvery: Int?
  let saved: String?
  /// Of a pair, whose prompt is the first of them; nil: of none.
  let captions: [WordsAnswer.Found]?
  let seconds: Double

  /// As the options are called.
  private enum CodingKeys: String, CodingKey {
    case file, sheets, prompt, negative, className = "class", classIndex, loras, seed, width, height, scale, steps, sampler
    case guidance, model, cache, guidanceEvery = "guidance-every", saved, captions, seconds
  }

  init(_ file: String, sheets: [String] = [], _ drawn: GeneratedPicture, _ folder: ModelFolder, seconds: Double) {
    let request = drawn.request
    self.file = file
    self.sheets = sheets
    prompt = request.prompt
    negative = request.negativePrompt
    className = request.classIndex.map(folder.className)
    classIndex = request.classIndex
    loras = folder.adapterNames(of: request)
    seed = request.seed
    (width, height) = (request.finishedSize.width, request.finishedSize.height)
    scale = request.enlargement == 1 ? nil : request.enlargement
    steps = folder.steps(of: request)
    sampler = request.sampler
    guidance = request.guidanceScale
    model = folder.name
    cache = request.cacheThreshold
    guidanceEvery = request.guidanceEvery == 1 ? nil : request.guidanceEvery
    saved = drawn.saved?.description
    captions = drawn.captions.isEmpty ? nil : drawn.captions.map(WordsAnswer.Found.init)
    self.seconds = (seconds * 1000).rounded() / 1000
  }

  /// The words of a pair.
  var wordsLine: String? { captions == nil ? nil : TerminalText.plain(prompt) }

  /// What was left out; nil: nothing was to be.
  var savedLine: String? { saved.map { "cache: \($0)" } }

  var line: String {
    let parts = ["seed \(seed)", "\(width)x\(height)", counted(steps, "step"), duration(seconds)]
    return TerminalText.joined((file == "-" ? [] : [file]) + parts)
  }
}
