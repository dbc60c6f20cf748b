import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

/// Pictures that the model draws itself, of other things than what it is taught: learnt beside that, they keep what it knew.
enum OwnPictures {
  /// Things, places, colours and counts of all kinds.
  static let prompts = [
    "a red fox in snow", "a blue car in the city", "a house on a hill at night", "a green apple on a white background",
    "two yellow birds on a tree", "a castle in the mountains", "a sailing ship on the sea", "a brown dog on grass",
    "a white cat on a blue background", "a bowl of soup", "three oranges", "a bicycle in the street", "a tree in autumn",
    "a butterfly on a flower", "a lighthouse at sunset", "an elephant in the desert", "a cup of coffee on a table",
    "a robot on a gray background", "a purple flower", "a fish under water", "a horse on a beach", "a guitar",
    "a train in the mountains", "an owl in a forest at night", "a snowman", "a pink cake on a white background",
    "a frog on a leaf", "an airplane in the sky",
  ]

  /// In the model's folder, where somebody has drawn them before.
  static let fileName = "own-pictures.safetensors"

  private static let steps = 16

  /// What they are called: prompts, or the numbers of classes in a model that reads no words.
  /// - Parameter taught: the class that is not among them.
  static func captions(_ model: ModelFolder, besides taught: Int?) -> [String] {
    guard model.text == nil else { return prompts }
    let classes = (0..<model.transformer.askableClasses).filter { $0 != taught }
    let count = min(prompts.count, classes.count)
    return (0..<count).map { String(classes[$0 * classes.count / count]) }
  }

  static func request(_ caption: String, _ seed: Int, _ model: ModelFolder) -> GenerationRequest {
    var request = model.defaultRequest
    if model.text == nil { request.classIndex = Int(caption) } else { request.prompt = caption }
    request.seed = UInt64(seed)
    request.steps = min(request.steps, steps)
    return request
  }

  /// Those of the model's folder, or else those of a run's, drawing the ones that it lacks.
  /// - Parameters:
  ///   - captions: ``captions(_:besides:)``.
  ///   - url: of the run's.
  ///   - session: what draws; asked for where there is anything to draw.
  ///   - report: is told how many there are, all along; throw from it to stop.
  static func file(
    for model: ModelFolder, _ captions: [String], shape: [Int], in url: URL, session: () throws -> DrawingSession,
    report: (Int) throws -> Void
  ) throws -> LessonFile {
    let ready = model.url.appendingPathComponent(fileName)
    if model.isFolder, FileManager.default.fileExists(atPath: ready.path) { return try LessonFile(ready, shape: shape) }
    var drawn: [(latents: Tensor, caption: String)] = []
    if FileManager.default.fileExists(atPath: url.path) {
      let file = try LessonFile(url, shape: shape)
      guard file.captions == Array(captions.prefix(file.captions.count)) else {
        throw TeachingError.damaged(path: url.path, reason: "its captions are not those of this version")
      }
      if file.captions.count == captions.count { return file }
      drawn = try file.captions.indices.map { (latents: try file.latents($0), caption: file.captions[$0]) }
    }
    if captions.isEmpty { try LessonFile.write([], to: url) }
    while drawn.count < captions.count {
      try report(drawn.count)
      // One by one, and kept: a run that is ended loses no more of them.
      let caption = captions[drawn.count]
      let pictures = try session().draw([request(caption, drawn.count, model)]) { _ in try report(drawn.count) }
      drawn += pictures.map { (latents: $0.latents.tensor, caption: caption) }
      try LessonFile.write(drawn, to: url)
    }
    return try LessonFile(url, shape: shape)
  }
}
