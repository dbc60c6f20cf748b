import DiTDiffusion
import DiTTensors
import DiTTransformer

/// The transformer with classifier-free guidance: conditional and unconditional branches in one batch.
package final class GuidedDenoiser {
  /// A branch that is told less, by which guidance goes on from it.
  package struct Branch {
    /// One for each picture.
    let conditions: [Condition]
    /// Which numbers of a state it is for; nil: all.
    let numbers: Range<Int>?

    package init(_ conditions: [Condition], numbers: Range<Int>? = nil) {
      (self.conditions, self.numbers) = (conditions, numbers)
    }
  }

  private let run: any TransformerRun
  private let guidance: Guidance
  private let kind: PredictionKind
  private let levels: [NoiseLevel]
  private let count: Int
  /// Of the unconditional branches, the numbers that each is for.
  private let others: [Range<Int>?]
  private let plan: [Branches]
  /// Of each picture whether its branches differ: without guidance, or where all are the same, the conditional one is
  /// enough.
  private let hasBranches: [Bool]
  /// Conditional less unconditional output when all were last computed, [N, C, h, w], newest first.
  private var differences: [(timestep: Float, output: Tensor)] = []

  /// What an evaluation computes.
  private enum Branches {
    case conditional, all
    /// The conditional one, which is guided by the difference that was when all were computed.
    case remembered
  }

  /// - Parameters:
  ///   - conditional, unconditional: one for each picture.
  ///   - kind: what the transformer predicts.
  ///   - levels: one for each evaluation.
  ///   - windows: over latents that are larger than `transformer` draws well; nil: the whole at once.
  package convenience init(
    _ transformer: any DiffusionTransformer, conditional: [Condition], unconditional: [Condition], guidance: Guidance,
    kind: PredictionKind, grid: Grid, levels: [NoiseLevel], savings: Savings = Savings(), windows: WindowLayout? = nil
  ) throws {
    try self.init(
      transformer, conditional: conditional, branches: [Branch(unconditional)], guidance: guidance, kind: kind, grid: grid,
      levels: levels, savings: savings, windows: windows)
  }

  /// - Parameter branches: the unconditional ones; of several, each for numbers of its own.
  package init(
    _ transformer: any DiffusionTransformer, conditional: [Condition], branches: [Branch], guidance: Guidance,
    kind: PredictionKind, grid: Grid, levels: [NoiseLevel], savings: Savings = Savings(), windows: WindowLayout? = nil
  ) throws {
    self.guidance = guidance
    self.kind = kind
    self.levels = levels
    count = conditional.count
    let hasBranches = conditional.indices.map { index in
      guidance.scale != 1 && branches.contains { !$0.conditions[index].isSame(as: conditional[index]) }
    }
    self.hasBranches = hasBranches
    others = branches.map(\.numbers)
    let all = hasBranches.contains(true)
    let timesteps = levels.map { Float($0.timestep) }
    let plan = GuidedDenoiser.plan(timesteps, all ? guidance : Guidance(scale: 1), every: savings.guidanceEvery)
    self.plan = plan
    let batch = conditional + (all ? branches.flatMap(\.conditions) : [])
    let times = timesteps.map { Array(repeating: $0, count: batch.count) }
    let plain = try transformer.prepare(batch, grid: windows?.window ?? grid, timesteps: times)
    let cache = savings.threshold.map { FirstBlockCache(threshold: $0, evaluations: timesteps.count) }
    // A difference that serves several evaluations is to be that of branches computed in full.
    let full = Set(plan.indices.filter { savings.guidanceEvery > 1 && plan[$0] == .all })
    let always = batch.indices.map { hasBranches[$0 % conditional.count] ? full : [] }
    // An error in the noise is one of σ/α as much in the picture that the sampler takes it for.
    let weights = levels.map { Float($0.noise / max($0.signal, 1e-6)) }
    if let windows {
      run = WindowedRun(plain, windows, patch: transformer.patchSize)
    } else {
      run = if let cache { CachedRun(plain, cache, timesteps: times, weights: weights, always: always) } else { plain }
    }
  }

  private static func plan(_ timesteps: [Float], _ guidance: Guidance, every: Int) -> [Branches] {
    var guided = 0, remembered = 0  // the latter in a row
    return timesteps.enumerated().map { evaluation, timestep in
      guard guidance.isActive(at: timestep) else { return .conditional }
      defer { guided += 1 }
      let isLate = every > 1 && evaluation >= FirstBlockCache.late(timesteps.count)
      let isFree = guided >= FirstBlockCache.warmup(timesteps.count) && evaluation < timesteps.count - 1
      remembered = isFree && remembered < (isLate ? every : every - 1) ? remembered + 1 : 0
      return remembered > 0 ? .remembered : .all
    }
  }

  /// How noisy latents are at an evaluation.
  package func level(_ evaluation: Int) -> NoiseLevel { levels[evaluation] }

  package func recordAttention() throws { try run.recordAttention() }

  /// Per block the attention of the conditional branch, averaged over heads and over the evaluations in which the block was
  /// computed: [N, tokens, text length].
  package func attention() throws -> [Tensor]? { try run.attentionMaps?.map { $0.slice(0, count: count) } }

  /// The guided prediction [N, C, h, w] and variance logits, which stay those of the conditional branch.
  package func predict(_ latents: Tensor, evaluation: Int, probe: Probe? = nil) throws -> Prediction {
    let channels = latents.shape[1]
    let asked = plan[evaluation]
    let copies = asked == .all ? 1 + others.count : 1
    let output = try run.predict(
      copies > 1 ? Tensor.concatenated(Array(repeating: latents, count: copies)) : latents, evaluation: evaluation, probe: probe)
    try probe?(.branches(evaluation: evaluation), output)
    func prediction(_ first: Int) throws -> Prediction {
      try Prediction(output: output.slice(first, count: count), latentChannels: channels, kind: kind)
    }
    let conditional = try prediction(0)
    guard asked != .conditional else { return conditional }
    let timestep = Float(levels[evaluation].timestep)
    let unconditional =
      asked == .all
      ? try merged(others.indices.map { try prediction(count * (1 + $0)) }) : try conditional.less(remembered(at: timestep))
    // What is left out of branches that ask for the same need not be the same: they stay one.
    for picture in hasBranches.indices where !hasBranches[picture] {
      try conditional.output.slice(picture, count: 1).copy(into: unconditional.output.slice(picture, count: 1))
    }
    if asked == .all, plan.contains(.remembered) {
      let difference = try conditional.less(unconditional.output).output
      differences = [(timestep, difference)] + differences.filter { $0.timestep != timestep }.prefix(1)
    }
    let combined = try guidance.combine(conditional: conditional, unconditional: unconditional)
    return try guidance.projected(combined, conditional: conditional, latents: latents, at: level(evaluation))
  }

  /// The unconditional branches as one: of each the numbers that it is for.
  private func merged(_ predictions: [Prediction]) throws -> Prediction {
    guard predictions.count > 1 else { return predictions[0] }
    let output = try predictions[0].output.copy()
    let width = output.count / count
    for (numbers, other) in zip(others, predictions).dropFirst() {
      let numbers = numbers ?? 0..<width
      for picture in 0..<count {
        let part = { (tensor: Tensor) in
          tensor.reshaped([tensor.count]).slice(picture * width + numbers.lowerBound, count: numbers.count)
        }
        try part(other.output).copy(into: part(output))
      }
    }
    return Prediction(output, predictions[0].kind, varianceLogits: predictions[0].varianceLogits)
  }

  /// The branches' difference on the line through its last two.
  private func remembered(at timestep: Float) throws -> Tensor {
    let difference = try differences[0].output.copy()
    guard differences.count == 2 else { return difference }
    let share = (timestep - differences[0].timestep) / (differences[0].timestep - differences[1].timestep)
    difference.withFloats { target in
      differences[1].output.withFloats { before in
        for index in target.indices { target[index] += share * (target[index] - before[index]) }
      }
    }
    return difference
  }

  /// What was left out of each picture.
  /// - Parameter tailShares: for each picture the part of an evaluation's multiply-adds that its blocks behind the first take.
  package func savedWork(tailShares: [Double]) -> [SavedWork] {
    let log = (run as? CachedRun)?.log
    return hasBranches.enumerated().map { picture, hasBranches in
      let branches = (0...(hasBranches ? others.count : 0)).map { $0 * count + picture }
      let log = branches.flatMap { log?[$0] ?? [] }
      return SavedWork(
        evaluations: levels.count + (hasBranches ? others.count * plan.count { $0 != .conditional } : 0),
        skipped: log.count { !$0.isComputed }, reused: hasBranches ? others.count * plan.count { $0 == .remembered } : 0,
        tailShare: tailShares[picture], changes: log.compactMap(\.change))
    }
  }
}

extension Prediction {
  /// With another output: that of this prediction less `difference`.
  fileprivate func less(_ difference: Tensor) throws -> Prediction {
    let output = try output.copy()
    output.withFloats { target in
      difference.withFloats { for index in target.indices { target[index] -= $0[index] } }
    }
    return Prediction(output, kind, varianceLogits: varianceLogits)
  }
}
