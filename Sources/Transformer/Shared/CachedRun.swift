import DiTTensors

/// When a ``CachedRun`` leaves out the blocks behind the first.
package struct FirstBlockCache: Sendable, Equatable {
  /// Largest relative change of the first block's residual that is taken for no change.
  package var threshold: Float
  /// Evaluations of a condition that are always computed, at the start: what goes wrong there grows over the whole run.
  package var warmup: Int
  /// So are those of the last step.
  package var computesLast = true
  /// Most evaluations in a row that are left out, and from ``late(_:)`` on, where a picture hardly changes any more.
  package var skipsInARow = 1, lateSkipsInARow = 2
  /// The tail's residual follows the polynomial of this order through its last ones: 0 is the last one itself.
  package var order = 2
  /// One verdict for all that are evaluated together, as in diffusers: a picture then depends on those beside it.
  package var isShared = false

  /// - Parameter evaluations: of the run.
  package init(threshold: Float, evaluations: Int) {
    self.threshold = threshold
    warmup = FirstBlockCache.warmup(evaluations)
  }

  /// How many of a run's evaluations are computed in full at its start, whatever is left out later.
  package static func warmup(_ evaluations: Int) -> Int { max(2, evaluations * 9 / 25) }

  /// From which evaluation of a run more may be left out: the last third.
  package static func late(_ evaluations: Int) -> Int { (2 * evaluations + 2) / 3 }

  /// diffusers' `FirstBlockCacheConfig`.
  package static func diffusers(threshold: Float) -> FirstBlockCache {
    var cache = FirstBlockCache(threshold: threshold, evaluations: 0)
    (cache.warmup, cache.computesLast, cache.skipsInARow, cache.lateSkipsInARow) = (1, false, .max, .max)
    (cache.order, cache.isShared) = (0, true)
    return cache
  }
}

/// A run that skips all blocks but the first where that one says that little has changed since they were last computed
/// (the first-block cache of ParaAttention, after TeaCache, arXiv 2411.19108).
///
///     r = block₀(x) − x,    change = weight · Σ|r − r′| / Σ|r′|    (r′: r of the last evaluation computed in full)
///     change > threshold:  out = blocks(block₀(x)),  tail = out − block₀(x)
///     else:                out = block₀(x) + tail, on the parabola through the last three tails over timesteps
///                          (as TaylorSeer forecasts, arXiv 2503.06923)
///
/// Each condition, that is each picture and branch of guidance, is judged by its own numbers, and only those computed in
/// full go through the blocks: a batch changes nothing. It keeps four tensors [tokens, D] for each condition.
package final class CachedRun: TransformerRun {
  private let run: any StagedRun
  private let cache: FirstBlockCache
  private let timesteps: [[Float]]
  private let weights: [Float]
  private let always: [Set<Int>]
  private var memory: [Memory]
  /// What was done in each evaluation of each condition, in order.
  package private(set) var log: [[Evaluation]]

  package struct Evaluation: Sendable, Equatable {
    package let index: Int
    package let isComputed: Bool
    /// Nil where there was nothing to compare with.
    package let change: Float?
  }

  /// What is kept of a condition: the first residual of the last evaluation computed in full, and the last tails.
  private struct Memory {
    var first: [Float] = []
    var tails: [(timestep: Float, residual: [Float])] = []  // newest first
    var skipped = 0  // in a row
  }

  /// - Parameters:
  ///   - run: made by `prepare` for the same timesteps.
  ///   - weights: how much a change counts in each evaluation; nil: 1.
  ///   - always: for each condition the evaluations that are computed in any case.
  package init(
    _ run: any StagedRun, _ cache: FirstBlockCache, timesteps: [[Float]], weights: [Float]? = nil, always: [Set<Int>] = []
  ) {
    self.run = run
    self.weights = weights ?? timesteps.map { _ in 1 }
    self.cache = cache
    self.timesteps = timesteps
    let conditions = timesteps.first?.count ?? 0
    self.always = always.isEmpty ? Array(repeating: [], count: conditions) : always
    memory = Array(repeating: Memory(), count: conditions)
    log = Array(repeating: [], count: conditions)
  }

  package var attentionMaps: [Tensor]? { get throws { try run.attentionMaps } }
  package func recordAttention() throws { try run.recordAttention() }

  package func predict(_ latents: Tensor, evaluation: Int, probe: Probe? = nil) throws -> Tensor {
    let all = Array(0..<latents.shape[0])
    let x = try run.embed(latents, all, evaluation: evaluation, probe: probe)
    let input = x.array
    try run.apply(blocks: 0..<1, to: x, all, evaluation: evaluation, probe: probe)
    let size = x.count / all.count
    let first = x.withFloats { x in
      all.map { row in (row * size..<(row + 1) * size).map { x[$0] - input[$0] } }
    }
    let computed = choose(first, evaluation)
    for (row, isComputed) in computed.enumerated() where !isComputed {
      add(tail(of: row, evaluation), to: x.slice(row * run.sequence, count: run.sequence))
      memory[row].skipped += 1
    }
    let chosen = all.filter { computed[$0] }
    if !chosen.isEmpty {
      let rows = { (tensor: Tensor, row: Int) in tensor.slice(row * self.run.sequence, count: self.run.sequence) }
      let dense = try Tensor.concatenated(chosen.map { rows(x, $0) })  // [chosen · sequence, D]
      try run.apply(blocks: 1..<run.blockCount, to: dense, chosen, evaluation: evaluation, probe: probe)
      for (place, row) in chosen.enumerated() {
        let (before, after) = (rows(x, row), rows(dense, place))
        let residual = zip(after.array, before.array).map { $0 - $1 }
        memory[row].first = first[row]
        let others = memory[row].tails.filter { $0.timestep != timesteps[evaluation][row] }.prefix(cache.order)
        memory[row].tails = [(timesteps[evaluation][row], residual)] + others
        memory[row].skipped = 0
        copy(after, into: before)
      }
    }
    return try run.finish(x, all, evaluation: evaluation, size: Array(latents.shape.suffix(2)), probe: probe)
  }

  /// For each condition whether its blocks are to be computed.
  private func choose(_ first: [[Float]], _ evaluation: Int) -> [Bool] {
    var sums = first.indices.map { row in CachedRun.change(of: first[row], since: memory[row].first) }
    if cache.isShared {
      let whole = sums.allSatisfy { $0 != nil }
        ? sums.compactMap(\.self).reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) } : nil
      sums = sums.map { _ in whole }
    }
    let most = evaluation < FirstBlockCache.late(timesteps.count) ? cache.skipsInARow : cache.lateSkipsInARow
    return first.indices.map { row in
      let change = sums[row].map { weights[evaluation] * $0.0 / $0.1 }
      let isFree = memory[row].tails.count >= 1 && log[row].count >= cache.warmup && memory[row].skipped < most
        && !(cache.computesLast && evaluation == timesteps.count - 1) && !always[row].contains(evaluation)
      // Not a number counts as change.
      let isComputed = !(isFree && change.map { $0 <= cache.threshold } ?? false)
      log[row].append(Evaluation(index: evaluation, isComputed: isComputed, change: change))
      return isComputed
    }
  }

  /// Σ|r − r′| and Σ|r′|; nil without an r′.
  private static func change(of residual: [Float], since reference: [Float]) -> (Float, Float)? {
    guard residual.count == reference.count else { return nil }
    var sums = (difference: 0.0, size: 0.0)
    for (now, then) in zip(residual, reference) {
      sums.difference += Double(abs(now - then))
      sums.size += Double(abs(then))
    }
    return (Float(sums.difference), Float(sums.size))
  }

  /// What the blocks behind the first would add.
  private func tail(of row: Int, _ evaluation: Int) -> [Float] {
    let tails = memory[row].tails
    let now = timesteps[evaluation][row]
    // Lagrange's weights.
    let weights = tails.indices.map { i in
      tails.indices.reduce(Float(1)) { product, j in
        i == j ? product : product * (now - tails[j].timestep) / (tails[i].timestep - tails[j].timestep)
      }
    }
    var sum = [Float](repeating: 0, count: tails[0].residual.count)
    for (weight, tail) in zip(weights, tails) {
      for index in sum.indices { sum[index] += weight * tail.residual[index] }
    }
    return sum
  }

  private func add(_ residual: [Float], to x: Tensor) {
    x.withFloats { x in
      for index in x.indices { x[index] += residual[index] }
    }
  }
}
