import CKernels
import Tensors

/// Text keys and values of every block, computed once for a run. Pictures that share a text share its keys.
struct TextContext {
  /// Rows stored for each text: the longest one's tokens.
  let length: Int
  private let counts: [Int32]
  private let items: [Int32]
  private let keyValues: [Tensor]  // per block [texts · length, 2·D]

  /// - Parameters:
  ///   - states: for each picture [tokens, size], or nil for no text at all (a single zero state).
  ///   - weights: for each picture how much its tokens count; one text has one set of weights.
  init(_ model: DiT, _ states: [Tensor?], weights: [[Float]?], size: Int) {
    var unique: [Tensor] = []
    var uniqueWeights: [[Float]?] = []
    var items: [Int32] = []
    for (state, weights) in zip(states, weights) {
      let state = state ?? Tensor([1, size])
      let known = unique.firstIndex { $0.storage === state.storage && $0.offset == state.offset && $0.count == state.count }
      items.append(Int32(known ?? unique.count))
      if known == nil {
        unique.append(state)
        uniqueWeights.append(weights)
      }
    }
    self.items = items
    let length = unique.map { $0.shape[0] }.max() ?? 1
    self.length = length
    counts = unique.map { Int32($0.shape[0]) }

    let backend = model.backend
    let padded = Tensor([unique.count * length, size])
    for (index, state) in unique.enumerated() {
      copy(state, into: padded.slice(index * length, count: state.shape[0]))
    }
    let normed = Tensor(padded.shape, type: backend.activationType)
    if let weight = model.textNorm {
      backend.rmsNorm(padded, weight: weight, eps: 1e-6, into: normed)
    }
    keyValues = model.blocks.map { block in
      let result = Tensor([padded.rows, 2 * model.configuration.hiddenSize], type: backend.activationType)
      guard let cross = block.cross else { return result }
      guard uniqueWeights.contains(where: { $0 != nil }) else {
        backend.apply(cross.keyValue, to: normed, into: result)
        return result
      }
      let exact = Tensor(result.shape)
      backend.apply(cross.keyValue, to: normed, into: exact)
      TextContext.weigh(exact, uniqueWeights, length: length)
      backend.activate(DK_ACT_NONE, exact, into: result)
      return result
    }
  }

  /// A word of weight w adds w times its value to every patch that looks at it; where patches look stays the same.
  private static func weigh(_ keyValue: Tensor, _ weights: [[Float]?], length: Int) {
    let width = keyValue.columns / 2
    keyValue.withFloats { numbers in
      for (text, weights) in weights.enumerated() {
        for (token, weight) in (weights ?? []).prefix(length).enumerated() where weight != 1 {
          let row = (text * length + token) * 2 * width
          for column in width..<2 * width { numbers[row + column] *= weight }
        }
      }
    }
  }

  func context(block: Int, _ batch: Int) -> Context {
    Context(keyValue: keyValues[block], length: length, counts: counts, items: Array(items.prefix(batch)))
  }
}
