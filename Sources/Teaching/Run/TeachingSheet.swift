import DiTCharts
import DiTImage
import DiTModels
import DiTTensors
import DiTTextToImage
import Foundation

/// Draws what people look at: the taught thing and what the model knew, without the adapter and with it.
final class TeachingSheet {
  private let model: ModelFolder
  private let backend: Backend
  private let wording: Wording
  /// Pictures without the adapter do not change.
  private var before: [Picture] = []

  init(_ model: ModelFolder, backend: Backend, wording: Wording) {
    (self.model, self.backend, self.wording) = (model, backend, wording)
  }

  /// Four of what is taught, three of what is not: prompts, or classes of a model that reads no words.
  var captions: [String] {
    if let taught = wording.classIndex {
      let others = OwnPictures.captions(model, besides: taught)
      return Array(repeating: String(taught), count: 4) + others.prefix(3)
    }
    let word = wording.word
    let taught = wording.isStyle
      ? ["a dog, \(word)", "a house, \(word)", "a tree in snow, \(word)", "an apple on a white background, \(word)"]
      : [
        "\(wording.subject) in snow", "\(wording.subject) in a forest", "\(wording.subject) on a white background",
        "two \(word) on a lake",
      ]
    return taught + ["a red fox in snow", "a blue car in the city", "an elephant on grass"]
  }

  /// The model is loaded for each sheet and dropped after it: the memory is the learner's.
  /// - Parameters:
  ///   - adapter: its file.
  ///   - note: under the pictures.
  ///   - check: is called between steps; throw from it to stop.
  func drawn(with adapter: URL, note: String, check: () throws -> Void) throws -> Picture {
    let session = try TextToImage(model, backend: backend).makeSession()
    func draw(_ adapters: [LoRA]) throws -> [Picture] {
      try captions.enumerated().map { index, caption in
        // Other words make other pictures, a class only by another seed.
        var request = OwnPictures.request(caption, wording.classIndex == nil ? 1 : index, model)
        request.adapters = adapters
        return try session.draw([request]) { _ in try check() }[0].picture
      }
    }
    if before.isEmpty { before = try draw([]) }
    let after = try draw([LoRA(adapter)])
    return try ContactSheet(
      rows: [before, after].map { row in row.map { ContactSheet.Item($0) } }, title: wording.word,
      columnHeaders: captions.map(called), rowLabels: ["before", "taught"], notes: note
    ).drawn()
  }

  private func called(_ caption: String) -> String {
    wording.classIndex == nil ? caption : Int(caption).map(model.className) ?? caption
  }

  /// The sheet, and the curve under it.
  static func report(_ sheet: Picture, losses: [Float]) -> Picture {
    let curve = LossCurve(losses).drawn(width: min(1000, max(600, sheet.width)))
    var canvas = Canvas(width: max(sheet.width, curve.width), height: sheet.height + curve.height)
    canvas.blit(sheet, x: 0, y: 0)
    canvas.blit(curve, x: 0, y: sheet.height)
    return canvas.picture
  }
}
