import DiTDiffusion
import DiTTensors
import DiTTransformer

/// The transformer with classifier-free guidance: conditional and unconditional branch in one batch.
package final class GuidedDenoiser {
  private let run: any TransformerRun
  private let guidance: Guidance
  private let kind: PredictionKind
  private let levels: [NoiseLevel]
  private let count: Int
  private let plan: [Branches]
  /// Of each picture whether its branches differ: without guidance, or where both are the same, the conditional one is
  /// enough.
  private let hasBranches: [Bool]
  /// Conditional less unconditional output when both were last computed, [N, C, h, w], newest first.
  private var differences: [(timestep: Float, output: Tensor)] = []

  /// What an evaluation computes.
  private enum Branches {
    case conditional, both
    /// The conditional one, which is guided by the difference that was when both were computed.
    case remembered
  }

  /// - Parameters:
  ///   - conditional, unconditional: one for each picture.
  ///   - kind: what the transformer predicts.
  ///   - levels: one for each evaluation.
  ///   - windows: over latents that are larger than `transformer` draws well; nil: the whole at once.
  package init(
    _ transformer: any DiffusionTransformer, conditional: [Condition], unconditional: [Condition], guidance: Guidance,
    kind: PredictionKind, grid: Grid, levels: [NoiseLevel], savings: Savings = Savings(), windows: WindowLayout? = nil
  ) throws {
    self.guidance = guidance
    self.kind = kind
    self.levels = levels
    count = conditional.count
    let hasBranches = zip(conditional, unconditional).map { guidance.scale != 1 && !$0.isSame(as: $1) }
    self.hasBranches = hasBranches
    let both = hasBranches.contains(true)
    let timesteps = levels.map { Float($0.timestep) }
    let plan = GuidedDenoiser.plan(timesteps, both ? guidance : Guidance(scale: 1), every: savings.guidanceEvery)
    self.plan = plan
    let batch = conditional + (both ? unconditional : [])
    let all = timesteps.map { Array(repeating: $0, count: batch.count) }
    let plain = try transformer.prepare(batch, grid: windows?.window ?? grid, timesteps: all)
    let cache = savings.threshold.map { FirstBlockCache(threshold: $0, evaluations: timesteps.count) }
    // A difference that serves several evaluations is to be that of two branches computed in full.
    let full = Set(plan.indices.filter { savings.guidanceEvery > 1 && plan[$0] == .both })
    let always = batch.indices.map { hasBranches[$0 % conditional.count] ? full : [] }
    // An error in the noise is one of σ/α as much in the picture that the sampler takes it for.
    let weights = levels.map { Float($0.noise / max($0.signal, 1e-6)) }
    if let windows {
      run = WindowedRun(plain, windows, patch: transformer.patchSize)
    } else {
      run = if let cache { CachedRun(plain, cache, timesteps: all, weights: weights, always: always) } else { plain }
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
      return remembered > 0 ? .remembered : .both
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
    let branches = plan[evaluation]
    let output = try run.predict(
      branches == .both ? Tensor.concatenated([latents, latents]) : latents, evaluation: evaluation, probe: probe)
    try probe?(.branches(evaluation: evaluation), output)
    func prediction(_ first: Int) throws -> Prediction {
      try Prediction(output: output.slice(first, count: count), latentChannels: channels, kind: kind)
    }
    let conditional = try prediction(0)
    guard branches != .conditional else { return conditional }
    let timestep = Float(levels[evaluation].timestep)
    let unconditional = branches == .both ? try prediction(count) : try conditional.less(remembered(at: timestep))
    // What is left out of two branches that ask for the same need not be the same: they stay one.
    for picture in hasBranches.indices where !hasBranches[picture] {
      try conditional.output.slice(picture, count: 1).copy(into: unconditional.output.slice(picture, count: 1))
    }
    if branches == .both, plan.contains(.remembered) {
      let difference = try conditional.less(unconditional.output).output
      differences = [(timestep, difference)] + differences.filter { $0.timestep != timestep }.prefix(1)
    }
    let combined = try guidance.combine(conditional: conditional, unconditional: unconditional)
    return try guidance.projected(combined, conditional: conditional, latents: latents, at: level(evaluation))
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
      let branches = hasBranches ? [picture, count + picture] : [picture]
      let log = branches.flatMap { log?[$0] ?? [] }
      return SavedWork(
        evaluations: levels.count + (hasBranches ? plan.count { $0 != .conditional } : 0),
        skipped: log.count { !$0.isComputed }, reused: hasBranches ? plan.count { $0 == .remembered } : 0,
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
