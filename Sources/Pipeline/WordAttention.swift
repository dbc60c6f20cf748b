import DiTImage
import DiTTensors
import DiTText
import DiTTransformer

/// Where a picture was looking while it was drawn, word by word: cross-attention, averaged over steps, heads and blocks.
package struct WordAttention: Sendable {
  package struct Word: Sendable {
    package let text: String
    /// A row of numbers for each row of patches: the share of a patch's attention that the word got.
    package let map: [[Float]]
    /// Of all attention of all patches.
    package let share: Float
  }

  package let words: [Word]
  package let prompt: String

  /// - Parameters:
  ///   - ids: the prompt's tokens, end token included.
  ///   - maps: for each chosen block [patches or more, tokens], averaged over steps and heads.
  init(prompt: String, ids: [Int], tokenizer: any TextTokenizer, maps: [Tensor], grid: Grid) {
    self.prompt = prompt
    guard let columns = maps.first?.columns, !maps.isEmpty else {
      words = []
      return
    }
    var mean = [Float](repeating: 0, count: grid.count * columns)
    for map in maps {
      map.withFloats { values in
        for index in mean.indices { mean[index] += values[index] / Float(maps.count) }
      }
    }
    // A piece that begins with U+2581 begins a word; the end token is none.
    var spans: [(text: String, range: Range<Int>)] = []
    for (index, id) in ids.dropLast().enumerated() where index < columns {
      let piece = id == tokenizer.unknownID ? "?" : tokenizer.piece(id)
      if piece.hasPrefix("\u{2581}") || spans.isEmpty {
        spans.append((piece.replacing("\u{2581}", with: ""), index..<index + 1))
      } else {
        spans[spans.count - 1].text += piece
        spans[spans.count - 1].range = spans[spans.count - 1].range.lowerBound..<index + 1
      }
    }
    words = spans.map { text, range in
      let values = (0..<grid.count).map { patch in range.reduce(Float(0)) { $0 + mean[patch * columns + $1] } }
      return Word(
        text: text,
        map: (0..<grid.height).map { Array(values[$0 * grid.width..<($0 + 1) * grid.width]) },
        share: values.reduce(0, +) / Float(grid.count))
    }
  }
}
