import DiTModels

extension TextToImage {
  /// Tokens of a prompt without its weights, end token included; empty where the model reads no text.
  package func tokens(of prompt: String) throws -> [Int] {
    guard let text = folder.text, let tokenizer = stages.tokenizer else { return [] }
    return try tokenizer.encode(text.prepared(WeightedPrompt.plain(prompt)))
  }

  /// One weight a token, the end token's 1; nil where all are 1.
  ///
  /// Pieces never reach across a space, so that counting the pieces of everything before a span finds its first one,
  /// provided that the span holds whole words.
  func tokenWeights(of prompt: String) throws -> [Float]? {
    guard let text = folder.text, let tokenizer = stages.tokenizer, let prompt = try? WeightedPrompt(prompt),
      !prompt.isPlain
    else { return nil }
    var weights = [Float](repeating: 1, count: try tokenizer.encode(text.prepared(prompt.text)).count)
    var before = ""
    var first = tokenizer.startCount
    for span in prompt.spans {
      before += span.text
      let pieces = try tokenizer.startCount + tokenizer.pieces(of: Array(text.prepared(before).utf8)).count
      let end = min(max(first, pieces), weights.count - 1)
      for token in first..<max(first, end) { weights[token] = span.weight }
      first = max(first, end)
    }
    return weights
  }
}
