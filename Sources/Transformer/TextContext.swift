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
  ///   - prepare: what is done to all states [rows, size] before the blocks make keys and values of them.
  init(_ trunk: Trunk, _ states: [Tensor?], size: Int, prepare: (Tensor) -> Tensor) {
    var unique: [Tensor] = []
    var items: [Int32] = []
    for state in states {
      let state = state ?? Tensor([1, size])
      let known = unique.firstIndex { $0.storage === state.storage && $0.offset == state.offset && $0.count == state.count }
      items.append(Int32(known ?? unique.count))
      if known == nil { unique.append(state) }
    }
    self.items = items
    let length = unique.map { $0.shape[0] }.max() ?? 1
    self.length = length
    counts = unique.map { Int32($0.shape[0]) }

    let padded = Tensor([unique.count * length, size])
    for (index, state) in unique.enumerated() {
      copy(state, into: padded.slice(index * length, count: state.shape[0]))
    }
    let prepared = prepare(padded)
    keyValues = trunk.blocks.compactMap { block in
      block.cross.map { trunk.backend.applied($0.keyValue, to: prepared, type: trunk.backend.activationType) }
    }
  }

  func context(block: Int, _ batch: Int) -> Context {
    Context(keyValue: keyValues[block], length: length, counts: counts, items: Array(items.prefix(batch)))
  }
}
