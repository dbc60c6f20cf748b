import DiTModels
import DiTTextToImage

/// What the model will not see in a prompt, or not understand: a line each on standard error.
enum PromptNotes {
  static func show(_ request: GenerationRequest, _ model: TextToImage) {
    let name = model.folder.name, dropped = model.droppedTokens(of: request.prompt)
    if !request.negativePrompt.isEmpty, request.guidanceScale == 1 {
      complain("note: without guidance (--guidance 1) --negative counts for nothing")
    }
    for text in [request.prompt, request.negativePrompt] {
      for note in ForeignSyntax.notes(text) { complain("note: \(note)") }
    }
    if dropped > 0 {
      complain("note: \(name) reads \(model.folder.maximumTokens - 1) tokens; the last \(dropped) of the prompt are not seen")
    }
    if let unknown = Vocabulary(of: model.folder)?.unknown(in: WeightedPrompt.plain(request.prompt)), !unknown.isEmpty {
      complain("note: \(name) was not trained on \(listed(unknown)), and draws something else")
    }
  }
}
