import DiTTensors

/// All conditioning except the text: all pictures and evaluations of one key share a row.
struct ConditioningKey: Hashable {
  let timestep: Float
  let classIndex: Int?
  let extent: PictureExtent?
  let guidance: Float?

  init(timestep: Float, _ condition: Condition) {
    self.timestep = timestep
    (classIndex, extent, guidance) = (condition.classIndex, condition.extent, condition.guidance)
  }
}

/// What a transformer makes of some keys, a row each.
struct ConditioningRows {
  /// The embedding everything else is made from: timestep + class, size or guidance. [rows, D]
  let embedding: Tensor
  /// Shifts, scales and gates: per block [rows, chunks·D]; empty in the schemes without.
  var modulations: [Tensor] = []
  /// Shift and scale of the final layer, [rows, 2·D].
  var final: Tensor?
  /// Keys and values of (timestep, class) in the cross-attention scheme: per block [rows · 2, 2·D].
  var keyValues: [Tensor] = []
  /// The tokens (timestep, class) of the in-context scheme, [rows · 2, D].
  var tokens: Tensor?
}

/// A transformer that turns keys into rows.
protocol ConditioningSource {
  var backend: Backend { get }
  var conditioningShape: (hiddenSize: Int, depth: Int, chunks: Int) { get }
  func conditioning(_ keys: [ConditioningKey]) throws -> ConditioningRows
}

/// What timestep, class, size and guidance give to the blocks, for all evaluations of a run.
///
/// Rows that are equal (the same timestep and class) are computed once, and many evaluations together, because the
/// matrices that make them are read once then. Few enough are kept at a time that the table stays small at any size.
final class ConditioningTable {
  private let source: any ConditioningSource
  private let conditions: [Condition]
  private let timesteps: [[Float]]
  private let perChunk: Int
  private var chunk: Chunk?
  private let step: Tensor  // room for one block's rows of one evaluation, [B, widest]

  /// Rows for the evaluations `first ..< first + places.count`.
  private struct Chunk {
    let first: Int
    let places: [[Int]]  // [evaluation][picture] -> row
    let rows: ConditioningRows
  }

  private static let budget = 48 << 20  // bytes of modulations kept at a time

  init(_ source: any ConditioningSource, _ conditions: [Condition], timesteps: [[Float]]) throws {
    self.source = source
    self.conditions = conditions
    self.timesteps = timesteps
    let (d, depth, chunks) = source.conditioningShape
    let perRow = 4 * d * (depth * max(4, chunks) + 5)
    let different = Set(conditions.map { ConditioningKey(timestep: 0, $0) })
    perChunk = max(1, ConditioningTable.budget / (perRow * max(1, different.count)))
    step = try Tensor([conditions.count, max(2, chunks) * d])
  }

  // `chosen` are the conditions that rows are wanted for, of which there are `chosen.count`, in this order.

  /// What the modulations are made from, [chosen, D].
  func embedding(_ evaluation: Int, _ chosen: [Int]) throws -> Tensor {
    let chunk = try prepared(for: evaluation)
    return try gather(chunk.rows.embedding, chunk, evaluation, chosen).copy()
  }

  /// Shifts, scales and gates of a block: [chosen, chunks·D]; valid until the next call.
  func modulation(block: Int, _ evaluation: Int, _ chosen: [Int]) throws -> Tensor? {
    let chunk = try prepared(for: evaluation)
    return chunk.rows.modulations.isEmpty ? nil : try gather(chunk.rows.modulations[block], chunk, evaluation, chosen)
  }

  /// Shift and scale of the final layer: [chosen, 2·D]; valid until the next call.
  func finalModulation(_ evaluation: Int, _ chosen: [Int]) throws -> Tensor? {
    let chunk = try prepared(for: evaluation)
    return try chunk.rows.final.map { try gather($0, chunk, evaluation, chosen) }
  }

  /// Keys and values of (timestep, class) in the cross-attention scheme.
  func context(block: Int, _ evaluation: Int, _ chosen: [Int]) throws -> Context? {
    let chunk = try prepared(for: evaluation)
    guard !chunk.rows.keyValues.isEmpty else { return nil }
    return Context(
      keyValue: chunk.rows.keyValues[block], length: 2,
      counts: Array(repeating: 2, count: chunk.rows.embedding.shape[0]),
      items: chosen.map { Int32(chunk.places[evaluation - chunk.first][$0]) })
  }

  /// The tokens (timestep, class) of the in-context scheme, [chosen · 2, D].
  func contextTokens(_ evaluation: Int, _ chosen: [Int]) throws -> Tensor? {
    let chunk = try prepared(for: evaluation)
    return try chunk.rows.tokens.map { tokens in
      try Tensor.concatenated(
        chosen.map { tokens.slice(2 * chunk.places[evaluation - chunk.first][$0], count: 2) })
    }
  }

  private func gather(_ table: Tensor, _ chunk: Chunk, _ evaluation: Int, _ chosen: [Int]) throws -> Tensor {
    let columns = table.columns
    let result = step.reshaped([step.count]).slice(0, count: chosen.count * columns).reshaped([chosen.count, columns])
    for (place, picture) in chosen.enumerated() {
      let row = chunk.places[evaluation - chunk.first][picture]
      try source.backend.copy(table.slice(row, count: 1), into: result.slice(place, count: 1))
    }
    return result
  }

  private func prepared(for evaluation: Int) throws -> Chunk {
    if let chunk, chunk.first <= evaluation, evaluation < chunk.first + chunk.places.count { return chunk }
    let made = try compute(from: evaluation)
    chunk = made
    return made
  }

  private func compute(from first: Int) throws -> Chunk {
    var known: [ConditioningKey: Int] = [:]
    var keys: [ConditioningKey] = []
    let places = timesteps[first..<min(first + perChunk, timesteps.count)].map { evaluation in
      zip(evaluation, conditions).map { timestep, condition in
        let key = ConditioningKey(timestep: timestep, condition)
        if let row = known[key] { return row }
        known[key] = keys.count
        keys.append(key)
        return keys.count - 1
      }
    }
    return try Chunk(first: first, places: places, rows: source.conditioning(keys))
  }
}
