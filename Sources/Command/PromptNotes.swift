import DiTModels
import DiTTextToImage

/// What the model will not see in prompts, or not understand: a line each on standard error, none of them twice.
enum PromptNotes {
  /// - Parameter isRedrawn: the pictures are there already: their size needs no advice.
  static func show(_ requests: [GenerationRequest], _ model: TextToImage, isRedrawn: Bool = false) throws {
    let review = try PromptReview(model.folder, tokenizer: model.stages.tokenizer)
    var seen: Set<String> = []
    for request in requests {
      let settings = [DecoderNote.text(request, model.folder), isRedrawn ? nil : review.sizeAdvice(request)]
      for note in lines(on: request, review) + settings.compactMap(\.self) where seen.insert(note).inserted {
        complain("note: \(note)")
      }
    }
  }

  /// Those on its words.
  static func lines(on request: GenerationRequest, _ review: PromptReview) -> [String] {
    var lines: [String] = []
    if !review.hasTwoBranches(request) {
      let why = request.guidanceScale == 1 ? "without guidance (--guidance 1)" : "with guidance built into the model"
      if !request.negativePrompt.isEmpty { lines.append("\(why) --negative counts for nothing") }
      if request.guidanceEvery > 1 { lines.append("\(why) --guidance-every saves nothing") }
    }
    return lines + [request.prompt, request.negativePrompt].flatMap(ForeignSyntax.notes) + review.notes(on: request)
  }
}
