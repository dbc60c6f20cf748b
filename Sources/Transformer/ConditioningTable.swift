import CKernels
import Tensors

/// What timestep and class give to the blocks, for all evaluations of a run.
///
/// Rows that are equal (the same timestep and class) are computed once, and many evaluations together, because the
/// matrices that make them are read once then. Few enough are kept at a time that the table stays small at any size.
final class ConditioningTable {
  private let model: DiT
  private let classes: [Int?]
  private let timesteps: [[Float]]
  private let perChunk: Int
  private var chunk: Chunk?
  private let step: Tensor  // room for one block's rows of one evaluation, [B, widest]

  /// Rows for the evaluations `first ..< first + rows.count`.
  private struct Chunk {
    let first: Int
    let rows: [[Int]]  // [evaluation][picture] -> row
    let time, label, sum: Tensor  // [rows, D]: t_emb, class row, t_emb + class row
    let modulations: [Tensor]  // per block [rows, chunks·D]
    let final: Tensor?  // [rows, 2·D]
    let keyValues: [Tensor]  // cross-attention scheme: per block [rows · 2, 2·D]
  }

  private static let budget = 24 << 20  // bytes of modulations kept at a time

  init(_ model: DiT, classes: [Int?], timesteps: [[Float]]) {
    self.model = model
    self.classes = classes
    self.timesteps = timesteps
    let configuration = model.configuration
    let perRow = 4 * configuration.hiddenSize * (configuration.depth * max(4, configuration.scheme.modulationChunks) + 5)
    perChunk = max(1, ConditioningTable.budget / (perRow * max(1, Set(classes).count)))
    step = Tensor([classes.count, max(2, configuration.scheme.modulationChunks) * configuration.hiddenSize])
  }

  /// t_emb + class row, [batch, D].
  func embedding(_ evaluation: Int, _ batch: Int) -> Tensor {
    let chunk = prepared(for: evaluation)
    return gather(chunk.sum, chunk, evaluation, batch).copy()
  }

  /// Shifts, scales and gates of a block: [batch, chunks·D]; valid until the next call.
  func modulation(block: Int, _ evaluation: Int, _ batch: Int) -> Tensor? {
    guard model.configuration.scheme.isAdaptive else { return nil }
    let chunk = prepared(for: evaluation)
    return gather(chunk.modulations[block], chunk, evaluation, batch)
  }

  /// Shift and scale of the final layer: [batch, 2·D]; valid until the next call.
  func finalModulation(_ evaluation: Int, _ batch: Int) -> Tensor? {
    let chunk = prepared(for: evaluation)
    return chunk.final.map { gather($0, chunk, evaluation, batch) }
  }

  /// Keys and values of (timestep, class) in the cross-attention scheme.
  func context(block: Int, _ evaluation: Int, _ batch: Int) -> Context? {
    guard model.configuration.scheme == .crossAttention else { return nil }
    let chunk = prepared(for: evaluation)
    let rows = chunk.sum.shape[0]
    return Context(
      keyValue: chunk.keyValues[block], length: 2, counts: Array(repeating: 2, count: rows),
      items: chunk.rows[evaluation - chunk.first].prefix(batch).map(Int32.init))
  }

  /// The tokens (timestep, class) of the in-context scheme, [batch · 2, D].
  func contextTokens(_ evaluation: Int, _ batch: Int) -> Tensor? {
    guard model.configuration.scheme == .inContext else { return nil }
    let chunk = prepared(for: evaluation)
    return Tensor.concatenated(
      chunk.rows[evaluation - chunk.first].prefix(batch).flatMap {
        [chunk.time.slice($0, count: 1), chunk.label.slice($0, count: 1)]
      })
  }

  private func gather(_ table: Tensor, _ chunk: Chunk, _ evaluation: Int, _ batch: Int) -> Tensor {
    let columns = table.columns
    let result = step.reshaped([step.count]).slice(0, count: batch * columns).reshaped([batch, columns])
    for (picture, row) in chunk.rows[evaluation - chunk.first].prefix(batch).enumerated() {
      copy(table.slice(row, count: 1), into: result.slice(picture, count: 1))
    }
    return result
  }

  private func prepared(for evaluation: Int) -> Chunk {
    if let chunk, chunk.first <= evaluation, evaluation < chunk.first + chunk.rows.count { return chunk }
    let made = compute(from: evaluation)
    chunk = made
    return made
  }

  private func compute(from first: Int) -> Chunk {
    struct Key: Hashable { let timestep: Float, classIndex: Int? }
    var keys: [Key: Int] = [:]
    var order: [Key] = []
    let rows = timesteps[first..<min(first + perChunk, timesteps.count)].map { evaluation in
      zip(evaluation, classes).map { timestep, classIndex in
        let key = Key(timestep: timestep, classIndex: classIndex)
        if let known = keys[key] { return known }
        keys[key] = order.count
        order.append(key)
        return order.count - 1
      }
    }
    let backend = model.backend
    let configuration = model.configuration
    let d = configuration.hiddenSize
    let count = order.count
    let features = timestepFeatures(order.map(\.timestep), divisor: configuration.timestepDivisor)  // [rows, 256]
    let hidden = Tensor([count, d])
    let time = Tensor([count, d])
    backend.apply(model.timestepIn, to: features, activation: DK_ACT_SILU, into: hidden)
    backend.apply(model.timestepOut, to: hidden, into: time)
    let label = Tensor([count, d])
    label.withFloats { target in
      guard let start = target.baseAddress else { return }
      for (row, key) in order.enumerated() {
        guard let index = key.classIndex ?? configuration.nullClass else { continue }
        model.classTable.readRow(min(max(0, index), model.classTable.rows - 1), into: start + row * d)
      }
    }
    let sum = Tensor([count, d])
    backend.add(time, label, into: sum)

    let activated = Tensor([count, d])
    backend.activate(DK_ACT_SILU, sum, into: activated)
    let apply = { (linear: Linear) in
      let result = Tensor([count, linear.outputs])
      backend.apply(linear, to: activated, into: result)
      return result
    }
    var keyValues: [Tensor] = []
    if configuration.scheme == .crossAttention {
      let pairs = Tensor.concatenated(
        (0..<count).flatMap { [time.slice($0, count: 1), label.slice($0, count: 1)] })  // [rows · 2, D]
      keyValues = model.blocks.map { block in
        let result = Tensor([2 * count, 2 * d], type: backend.activationType)
        if let cross = block.cross { backend.apply(cross.keyValue, to: pairs, into: result) }
        return result
      }
    }
    return Chunk(
      first: first, rows: rows, time: time, label: label, sum: sum, modulations: model.modulations.map(apply),
      final: model.finalModulation.map(apply), keyValues: keyValues)
  }
}
