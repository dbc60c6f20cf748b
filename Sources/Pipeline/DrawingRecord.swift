import DiTImage
import DiTModels

/// Remembers what happened while one picture was drawn: give it the events of the drawing.
package struct DrawingRecord {
  /// Which picture of those that are drawn together.
  private let index: Int
  /// The clean picture as the model saw it after each step.
  package private(set) var originals: [Latents] = []
  private var attention: [AttentionMap] = []

  package init(of index: Int = 0) { self.index = index }

  package mutating func note(_ event: DrawingEvent) {
    switch event {
    case .predictedOriginal(_, let latents): originals.append(latents[index])
    case .attention(_, let maps): attention.append(maps[index])
    case .step, .decoding, .finished: break
    }
  }

  // MARK: the steps

  /// About `count` of the steps, evenly spread, the last among them: from 0.
  package static func chosen(of steps: Int, count: Int) -> [Int] {
    guard steps > count else { return Array(0..<steps) }
    return (1...count).map { $0 * steps / count - 1 }
  }

  /// The predicted x₀ at about `count` steps.
  package func stages(_ model: TextToImage, count: Int = 8) throws -> [(step: Int, picture: Picture)] {
    try DrawingRecord.chosen(of: originals.count, count: count).map { try ($0 + 1, model.picture(of: originals[$0])) }
  }

  // MARK: the words

  /// - Parameter blocks: which blocks count, from 0; nil: all.
  /// - Returns: nil where the model reads no text.
  package func wordAttention(_ model: TextToImage, _ request: GenerationRequest, blocks: Set<Int>? = nil) throws
    -> WordAttention?
  {
    let chosen = attention.indices.filter { blocks?.contains($0) ?? true }
    guard !chosen.isEmpty, let tokenizer = model.stages.tokenizer else { return nil }
    return try WordAttention(
      prompt: WeightedPrompt.plain(request.prompt), ids: model.tokens(of: request.prompt), tokenizer: tokenizer,
      maps: chosen.map { attention[$0].tensor }, grid: model.folder.drawnGrid(of: request))
  }
}
