import DiTCheckpoints
import DiTDiffusion
import DiTTensors
import DiTTransformer
import Foundation

/// DDIM runs of tiny models with diffusers' step caches: which evaluations are computed in full, the noise of each branch,
/// every state. The first-block cache is the program's own, with diffusers' settings; MagCache and TaylorSeer are told here,
/// over the pieces of an evaluation that caches are made of: they are not offered, see docs/SPEED.md.
@Sendable func verifyStepCache(_ test: inout VerificationCase) throws {
  let file = try test.data()
  let manifest = test.manifest
  let timesteps = (manifest["timesteps"]?.integers ?? []).map(Float.init)
  let start = try file.tensor("input.x_T")
  let count = start.shape[0]
  let (model, conditional, unconditional) = try transformer(of: test, file)
  let conditions = conditional + unconditional
  let all = timesteps.map { Array(repeating: $0, count: conditions.count) }
  let plain = try model.prepare(
    conditions, grid: Grid(of: start, patchSize: model.patchSize),
    timesteps: all)
  let (run, log) = try cached(plain, manifest, timesteps: all)

  let guidance = Guidance(scale: Float(manifest["guidance_scale"]?.number ?? 1))
  let contexts = (manifest["contexts"]?.array ?? []).compactMap(\.string)
  var noise: [Float] = []
  var states: [Float] = []
  var settings = SamplerSettings(steps: timesteps.count)
  settings.spacing = .leading
  var sampler = try SamplerRegistry.make("ddim", settings: settings)
  test.exact("timesteps", sampler.timesteps == timesteps)
  _ = try sampler.run(
    from: start,
    predict: { latents, evaluation in
      let output = try run.predict(try Tensor.concatenated([latents, latents]), evaluation: evaluation, probe: nil)
      let branch = { try Prediction(output: output.slice($0, count: count), latentChannels: latents.shape[1]) }
      let (cond, uncond) = (try branch(0), try branch(count))
      let guided = try guidance.combine(conditional: cond, unconditional: uncond)
      // Two contexts are two branches before guidance, one is both after it.
      noise += contexts.count == 2 ? uncond.output.array + cond.output.array : guided.output.array
      return guided
    }, noise: { try Tensor(start.shape) }, observe: { states += $1.latents.array })
  test.compare("eps", expected: try file.tensor("expected.eps").array, actual: noise)
  test.compare("x", expected: try file.tensor("expected.x").array, actual: states)
  for context in contexts where manifest["computed"] != nil {
    let wanted = manifest["computed"]?[context]?.integers ?? []
    test.exact("computed, \(context)", log(context == "cond" ? 0 : count).map { $0 ? 1 : 0 } == wanted)
  }
}

/// The model of a case, and what its pictures are conditioned on.
private func transformer(
  of test: VerificationCase, _ file: Checkpoint
) throws -> (any DiffusionTransformer, conditional: [Condition], unconditional: [Condition]) {
  let folder = test.beside(test.manifest["model"]?.string ?? "")
  let weights = try openCheckpoint(at: folder.appendingPathComponent("diffusion_pytorch_model.safetensors"))
  let configuration = folder.appendingPathComponent("config.json")
  if file.contains("input.class_id") {
    let settings = try readConfiguration(DiffusersDiTConfiguration.self, at: configuration)
    let model = try DiT(
      settings.configuration(.diffusers), Parameters(weights, names: .diffusersDiT, backend: test.backend))
    let classes = try file.integers("input.class_id")
    return (model, classes.map { Condition(classIndex: $0) }, classes.map { _ in Condition() })
  }
  let model = try PixArt(
    readConfiguration(PixArtConfiguration.self, at: configuration),
    Parameters(weights, names: .diffusersPixArt, backend: test.backend))
  let text = { (name: String) in
    let states = try file.tensor("input.caption_" + name)
    return Condition(text: states.reshaped(Array(states.shape.dropFirst())))
  }
  return (model, [try text("prompt")], [try text("negative")])
}

/// The run with the cache that a case names, and what tells of a condition which evaluations were computed.
private func cached(
  _ run: any StagedRun, _ manifest: JSONValue, timesteps: [[Float]]
) throws -> (any TransformerRun, log: (Int) -> [Bool]) {
  let method = manifest["method"]?.string ?? "none"
  switch method {
  case "none": return (run, { _ in timesteps.map { _ in true } })
  case "first-block cache":
    var cache = FirstBlockCache.diffusers(threshold: Float(manifest["threshold"]?.number ?? 0))
    // Contexts are evaluated one after the other there, each with a verdict of its own.
    cache.isShared = manifest["contexts"]?.array?.count == 1
    let cached = CachedRun(run, cache, timesteps: timesteps)
    return (cached, { cached.log[$0].map(\.isComputed) })
  case "MagCache":
    let cached = MagCachedRun(run, manifest, steps: timesteps.count)
    return (cached, { _ in cached.computed })
  case _ where method.hasPrefix("TaylorSeer"):
    let cached = ForecastRun(run, manifest, steps: timesteps.count)
    return (cached, { _ in cached.computed })
  default: throw VerificationError("this program does not know the cache \"\(method)\"")
  }
}

/// MagCache (arXiv 2506.09045): all blocks are skipped while the residual's size, told by a curve that was measured before,
/// has changed little.
private final class MagCachedRun: TransformerRun {
  let computed: [Bool]
  private let run: any StagedRun
  private var residual: [Float] = []

  init(_ run: any StagedRun, _ manifest: JSONValue, steps: Int) {
    self.run = run
    let ratios = (manifest["mag_ratios"]?.array ?? []).compactMap(\.number)
    let (threshold, most) = (manifest["threshold"]?.number ?? 0, manifest["max_skip_steps"]?.integer ?? 0)
    let kept = Int(Double(steps) * (manifest["retention_ratio"]?.number ?? 1) + 0.5)
    var (ratio, error, skipped) = (1.0, 0.0, 0)
    computed = (0..<steps).map { step in
      guard step >= kept, step < ratios.count else { return true }
      ratio *= ratios[step]
      error += abs(1 - ratio)
      skipped += 1
      if error <= threshold, skipped <= most { return false }
      (ratio, error, skipped) = (1, 0, 0)
      return true
    }
  }

  var attentionMaps: [Tensor]? { nil }
  func recordAttention() {}

  func predict(_ latents: Tensor, evaluation: Int, probe: Probe?) throws -> Tensor {
    let all = Array(0..<latents.shape[0])
    let x = try run.embed(latents, all, evaluation: evaluation, probe: probe)
    if computed[evaluation] {
      let input = x.array
      try run.apply(blocks: 0..<run.blockCount, to: x, all, evaluation: evaluation, probe: probe)
      residual = zip(x.array, input).map { $0 - $1 }
    } else {
      x.withFloats { x in
        for index in x.indices { x[index] += residual[index] }
      }
    }
    return try run.finish(x, all, evaluation: evaluation, size: Array(latents.shape.suffix(2)), probe: probe)
  }
}

/// TaylorSeer (arXiv 2503.06923) in its light form: the output is that of its last evaluations, continued by a Taylor series
/// of finite differences.
private final class ForecastRun: TransformerRun {
  let computed: [Bool]
  private let run: any StagedRun
  private let order: Int
  private var factors: [[Float]] = []  // the output, its differences, theirs, …
  private var shape: [Int] = []
  private var last = 0

  init(_ run: any StagedRun, _ manifest: JSONValue, steps: Int) {
    self.run = run
    order = manifest["max_order"]?.integer ?? 0
    let (warmup, interval) = (
      manifest["disable_cache_before_step"]?.integer ?? 0, max(1, manifest["cache_interval"]?.integer ?? 1)
    )
    computed = (0..<steps).map { $0 < warmup || ($0 - warmup - 1) % interval == 0 }
  }

  var attentionMaps: [Tensor]? { nil }
  func recordAttention() {}

  func predict(_ latents: Tensor, evaluation: Int, probe: Probe?) throws -> Tensor {
    let distance = Float(evaluation - last)
    guard computed[evaluation] else {
      var (sum, factor) = ([Float](repeating: 0, count: factors[0].count), Float(1))
      for (power, values) in factors.enumerated() {
        if power > 0 { factor *= distance / Float(power) }
        for index in sum.indices { sum[index] += values[index] * factor }
      }
      return try Tensor(sum, shape)
    }
    let output = try run.predict(latents, evaluation: evaluation, probe: probe)
    var made = [output.array]
    for (power, before) in factors.enumerated() where power < order && evaluation > 0 {
      made.append(zip(made[power], before).map { ($0 - $1) / distance })
    }
    (factors, shape, last) = (made, output.shape, evaluation)
    return output
  }
}
