import Foundation
import Tensors

extension TextToImage {
  /// Text states of a prompt, [tokens, size]; the states of weighted words are moved away from what they have in common
  /// with every prompt, or towards it.
  ///
  ///     s' = c + w · (s − c)
  ///
  /// Plain scaling would be lost: the transformer normalises each state before it makes keys and values of it.
  func weightedStates(of prompt: String) -> Tensor {
    guard let weighted = try? WeightedPrompt(prompt) else { return encoded(prompt) }
    let states = encoded(weighted.text)
    guard !weighted.isPlain else { return states }
    let width = states.columns
    let words = states.rows - 1  // the end token keeps its state
    let mode = ProcessInfo.processInfo.environment["WEIGHT_MODE"] ?? "mean"
    let common: [Float]
    if mode == "empty" {
      common = encoded("").array
    } else {
      common = states.withFloats { values in
        (0..<width).map { column in
          (0..<states.rows).reduce(Float(0)) { $0 + values[$1 * width + column] } / Float(states.rows)
        }
      }
    }
    states.withFloats { values in
      for (weight, tokens) in tokenRanges(of: weighted) where weight != 1 {
        for token in tokens where token < words {
          for column in 0..<width {
            let place = token * width + column
            values[place] = common[column] + weight * (values[place] - common[column])
          }
        }
      }
    }
    return states
  }

  private func encoded(_ text: String) -> Tensor { stages.textEncoder.encode(stages.tokenizer.encode(text)) }

  /// Which tokens a span covers. Pieces never reach across a space, so that counting the pieces of everything before a
  /// span finds its first one, provided that it holds whole words.
  private func tokenRanges(of prompt: WeightedPrompt) -> [(weight: Float, tokens: Range<Int>)] {
    var before = ""
    var first = 0
    return prompt.spans.map { span in
      before += span.text
      let end = max(first, stages.tokenizer.pieces(of: Array(before.utf8)).count)
      defer { first = end }
      return (span.weight, first..<end)
    }
  }
}
