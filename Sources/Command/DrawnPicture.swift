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
  let steps: Int
  let sampler: String
  let guidance: Float
  let model: String
  let seconds: Double

  /// As the options are called.
  private enum CodingKeys: String, CodingKey {
    case file, sheets, prompt, negative, className = "class", classIndex, loras, seed, width, height, steps, sampler, guidance
    case model, seconds
  }

  init(_ file: String, sheets: [String] = [], _ request: GenerationRequest, _ folder: ModelFolder, seconds: Double) {
    self.file = file
    self.sheets = sheets
    prompt = request.prompt
    negative = request.negativePrompt
    className = request.classIndex.map(folder.className)
    classIndex = request.classIndex
    loras = folder.adapterNames(of: request)
    seed = request.seed
    (width, height) = (request.finishedSize.width, request.finishedSize.height)
    steps = folder.steps(of: request)
    sampler = request.sampler
    guidance = request.guidanceScale
    model = folder.name
    self.seconds = (seconds * 1000).rounded() / 1000
  }

  var line: String {
    let parts = ["seed \(seed)", "\(width)x\(height)", counted(steps, "step"), duration(seconds)]
    return TerminalText.joined((file == "-" ? [] : [file]) + parts)
  }
}
