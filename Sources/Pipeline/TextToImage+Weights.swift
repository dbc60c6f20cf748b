import DiTModels

extension TextToImage {
  /// Tokens of a prompt without its weights, start and end tokens included; empty where the model reads no text.
  package func tokens(of prompt: String) throws -> [Int] {
    guard let text = folder.text, let tokenizer = stages.tokenizer else { return [] }
    return try text.tokens(of: WeightedPrompt.plain(prompt), by: tokenizer)
  }

  /// One weight a token, those of start and end tokens 1; nil where all are 1.
  ///
  /// Pieces never reach across a space, so that counting the pieces of everything before a span finds its first one,
  /// provided that the span holds whole words.
  func tokenWeights(of prompt: String, as role: TextRole = .prompt) throws -> [Float]? {
    guard let text = folder.text, let tokenizer = stages.tokenizer, let prompt = try? WeightedPrompt(prompt),
      !prompt.isPlain
    else { return nil }
    var weights = [Float](repeating: 1, count: try text.tokens(of: prompt.text, as: role, by: tokenizer).count)
    var before = ""
    var first = tokenizer.startCount
    for span in prompt.spans {
      before += span.text
      let pieces = try tokenizer.startCount + text.pieceCount(of: before, as: role, by: tokenizer)
      let end = min(max(first, pieces), weights.count - tokenizer.endCount)
      for token in first..<max(first, end) { weights[token] = span.weight }
      first = max(first, end)
    }
    return weights
  }
}
