import DiTTensors

/// Attention to the text, added up block by block for each condition of a run.
struct AttentionSums {
  private let sums: [Tensor]  // per block [conditions, tokens, text length]
  private var counts: [[Int]]  // per block and condition: of how many evaluations

  init(blocks: Int, conditions: Int, tokens: Int, length: Int) throws {
    sums = try (0..<blocks).map { _ in try Tensor([conditions, tokens, length]) }
    counts = Array(repeating: Array(repeating: 0, count: conditions), count: blocks)
  }

  /// The sums so far of some conditions, for a block to add to: [chosen, tokens, text length].
  func gathered(_ block: Int, _ chosen: [Int]) throws -> Tensor {
    try Tensor.concatenated(chosen.map { sums[block].slice($0, count: 1) })
  }

  /// Keeps what a block made of ``gathered(_:_:)``.
  mutating func keep(_ gathered: Tensor, _ block: Int, _ chosen: [Int]) {
    for (place, condition) in chosen.enumerated() {
      copy(gathered.slice(place, count: 1), into: sums[block].slice(condition, count: 1))
      counts[block][condition] += 1
    }
  }

  /// The mean over the evaluations in which a block was computed: per block [conditions, tokens, text length].
  func means() throws -> [Tensor] {
    try zip(sums, counts).map { sum, counts in
      let mean = try sum.copy()
      for (condition, count) in counts.enumerated() where count > 0 {
        mean.slice(condition, count: 1).withFloats { values in
          for index in values.indices { values[index] /= Float(count) }
        }
      }
      return mean
    }
  }
}
