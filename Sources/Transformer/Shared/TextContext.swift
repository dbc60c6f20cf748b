import DiTTensors

/// Text keys and values of every block, computed once for a run. Pictures that share a text share its keys.
struct TextContext {
  /// Rows stored for each text: the longest one's tokens.
  let length: Int
  private let counts: [Int32]
  private let items: [Int32]
  private let keyValues: [Tensor]  // per block [texts · length, 2·D]

  /// - Parameters:
  ///   - conditions: for each picture its text [tokens, size], or nil for no text at all (a single zero state). One text
  ///     has one set of weights.
  ///   - prepare: what is done to all states [rows, size] before the blocks make keys and values of them.
  init(_ trunk: Trunk, _ conditions: [Condition], size: Int, prepare: (Tensor) throws -> Tensor) throws {
    var unique: [Tensor] = []
    var weights: [[Float]?] = []
    var items: [Int32] = []
    for condition in conditions {
      let state = try condition.text?.states ?? Tensor([1, size])
      let known = unique.firstIndex { $0.storage === state.storage && $0.offset == state.offset && $0.count == state.count }
      items.append(Int32(known ?? unique.count))
      if known == nil {
        unique.append(state)
        weights.append(condition.text?.weights)
      }
    }
    self.items = items
    let length = unique.map { $0.shape[0] }.max() ?? 1
    self.length = length
    counts = unique.map { Int32($0.shape[0]) }

    let backend = trunk.backend
    let padded = try Tensor([unique.count * length, size])
    for (index, state) in unique.enumerated() {
      try backend.copy(state, into: padded.slice(index * length, count: state.shape[0]))
    }
    let prepared = try prepare(padded)
    let isWeighted = weights.contains { $0 != nil }
    keyValues = try trunk.blocks.compactMap { block in
      guard let cross = block.cross else { return nil }
      let exact = try backend.applied(cross.keyValue, to: prepared, type: isWeighted ? .f32 : backend.activationType)
      try cross.queryKeyNorm?.key(Matrix(exact, from: 0, count: exact.columns / 2), backend)
      guard isWeighted else { return exact }
      TextContext.weigh(exact, weights, length: length)
      let result = try Tensor(exact.shape, type: backend.activationType)
      try backend.activate(.none, exact, into: result)
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

  /// - Parameter chosen: the pictures that read it.
  func context(block: Int, _ chosen: [Int]) -> Context {
    Context(keyValue: keyValues[block], length: length, counts: counts, items: chosen.map { items[$0] })
  }
}
