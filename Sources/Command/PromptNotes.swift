import DiTModels
import DiTTextToImage

/// What the model will not see in a prompt, or not understand: a line each on standard error.
enum PromptNotes {
  /// - Parameter isRedrawn: the picture is there already: its size needs no advice.
  static func show(_ request: GenerationRequest, _ model: TextToImage, isRedrawn: Bool = false) throws {
    let name = model.folder.name, dropped = model.droppedTokens(of: request.prompt)
    if let note = DecoderNote.text(request, model.folder) { complain("note: \(note)") }
    if !request.negativePrompt.isEmpty, request.guidanceScale == 1 {
      complain("note: without guidance (--guidance 1) --negative counts for nothing")
    }
    for text in [request.prompt, request.negativePrompt] {
      for note in ForeignSyntax.notes(text) { complain("note: \(note)") }
    }
    if dropped > 0 {
      complain("note: \(name) reads \(model.folder.maximumTokens - 1) tokens; the last \(dropped) of the prompt are not seen")
    }
    let review = try PromptReview(model.folder, tokenizer: model.stages.tokenizer)
    for note in review.notes(on: request.prompt) { complain("note: \(note)") }
    if !isRedrawn, let note = try sizeNote(request, model.folder) { complain("note: \(note)") }
  }

  /// Where shapes fall apart at a size, and what to draw instead.
  static func sizeNote(_ request: GenerationRequest, _ folder: ModelFolder) throws -> String? {
    guard let limits = try ModelLimits(of: folder), let sizes = limits.sizes,
      let better = limits.better(than: request.size, step: folder.sizeStep)
    else { return nil }
    let times = Int((Double(request.size.width) / Double(better.width)).rounded())
    let scale = times > 1 ? " --scale \(min(times, 4))" : ""
    return "\(folder.name) draws well from \(sizes.smallest)x\(sizes.smallest) to \(sizes.largest)x\(sizes.largest) pixels, not at "
      + "\(request.size): try --size \(better)\(scale)"
  }
}
