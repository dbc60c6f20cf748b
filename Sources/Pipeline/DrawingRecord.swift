import DiTImage
import DiTModels
import DiTTensors
import DiTTransformer

/// Remembers what happened while one picture was drawn: give ``observe(_:_:)`` to
/// ``TextToImage/draw(_:recordingAttention:progress:observe:)``.
package final class DrawingRecord {
  /// The clean picture as the model saw it after each step, latents [1, C, h, w].
  package private(set) var originals: [Tensor] = []
  private var attention: [Tensor] = []

  package init() {}

  package func observe(_ name: String, _ tensor: Tensor) {
    if name.hasPrefix("original") { originals.append(tensor) }
    if name.hasPrefix("attention") { attention.append(tensor) }
  }

  // MARK: the steps

  /// About `count` of the steps, evenly spread, the last among them: from 0.
  static func chosen(of steps: Int, count: Int) -> [Int] {
    guard steps > count else { return Array(0..<steps) }
    return (1...count).map { $0 * steps / count - 1 }
  }

  /// The picture as it was foreseen at about `count` steps.
  package func stages(_ model: TextToImage, count: Int = 8) throws -> [(step: Int, picture: Picture)] {
    try DrawingRecord.chosen(of: originals.count, count: count).map { try ($0 + 1, model.picture(originals[$0])) }
  }

  // MARK: the words

  /// - Parameter blocks: which blocks count, from 0; nil: all.
  /// - Returns: nil where the model reads no text.
  package func wordAttention(_ model: TextToImage, _ request: GenerationRequest, blocks: Set<Int>? = nil)
    -> WordAttention?
  {
    let chosen = attention.indices.filter { blocks?.contains($0) ?? true }
    guard !chosen.isEmpty, let tokenizer = model.stages.tokenizer else { return nil }
    return WordAttention(
      prompt: WeightedPrompt.plain(request.prompt), ids: model.tokens(of: request.prompt), tokenizer: tokenizer,
      maps: chosen.map { attention[$0].slice(0, count: 1).reshaped(Array(attention[$0].shape.dropFirst())) },
      grid: model.grid(of: model.folder.drawnSize(for: request.size)))
  }
}
