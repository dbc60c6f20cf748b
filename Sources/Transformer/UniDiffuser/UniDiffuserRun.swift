import DiTTensors

/// What an evaluation of some pairs is computed in.
struct UniDiffuserWork {
  let grid: Grid
  /// Tokens of one pair.
  let sequence: Int
  /// [B·S, D].
  let x: Tensor
  let qkv, attended, hidden: Tensor
  let joined: Tensor  // [B·S, 2·D]
  let skips: [Tensor]  // [B·S, D] each

  init(_ model: UniDiffuser, pairs: Int, grid: Grid) throws {
    let shape = model.configuration.blockShape
    (self.grid, sequence) = (grid, model.configuration.extraTokens + grid.count)
    let rows = pairs * sequence
    let make = { (columns: Int) in try Tensor([rows, columns], type: model.backend.activationType) }
    x = try Tensor([rows, shape.hiddenSize])
    qkv = try make(3 * shape.hiddenSize)
    attended = try make(shape.hiddenSize)
    hidden = try make(shape.mlpSize)
    joined = try make(2 * shape.hiddenSize)
    skips = try (0..<model.configuration.depth / 2).map { _ in try make(shape.hiddenSize) }
  }

  /// The same, with other tokens.
  private init(_ work: UniDiffuserWork, x: Tensor) {
    (grid, sequence, self.x) = (work.grid, work.sequence, x)
    (qkv, attended, hidden) = (work.qkv, work.attended, work.hidden)
    (joined, skips) = (work.joined, work.skips)
  }

  func on(_ x: Tensor) -> UniDiffuserWork { UniDiffuserWork(self, x: x) }
}

/// A ``UniDiffuser`` made ready for some conditions and one schedule: what they draw is walked, what they give is clean, and
/// what is left is unknown (Bao et al. 2023, arXiv 2303.06555, section 4). One pair is computed after the other: there are enough
/// rows in each, and what a whole batch would keep for its skips is much.
///
/// Not for use by several threads at a time.
final class UniDiffuserRun: StagedRun {
  private let model: UniDiffuser
  private let conditions: [Condition]
  private let timesteps: [[Float]]
  /// For one pair.
  private let work: UniDiffuserWork
  private let x: Tensor  // [B·S, D]
  private let form: DrawnForm

  /// The time of noise, at which nothing is known.
  private static let last: Float = 1000

  /// Words take part as tokens; no maps of attention to them are kept.
  var attentionMaps: [Tensor]? { nil }
  func recordAttention() {}

  init(_ model: UniDiffuser, conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws {
    (self.model, self.conditions, self.timesteps) = (model, conditions, timesteps)
    let sizes = model.configuration
    let latents = [sizes.latentChannels, grid.height * sizes.patchSize, grid.width * sizes.patchSize]
    // Other branches of guidance draw a part of what the first does.
    let drawn = [Modality.image, .text].filter { modality in conditions.contains { $0.draws.contains(modality) } }
    form = sizes.form(drawing: drawn, latents: latents)
    whole = sizes.form(drawing: [.image, .text], latents: latents)
    work = try UniDiffuserWork(model, pairs: 1, grid: grid)
    x = try Tensor([conditions.count * work.sequence, sizes.hiddenSize])
  }

  /// Shapes of all that a pair has, drawn or not.
  private let whole: DrawnForm

  var blockCount: Int { model.blockCount }
  var sequence: Int { work.sequence }

  func embed(_ states: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws -> Tensor {
    for (place, index) in chosen.enumerated() {
      let (sample, times) = try pair(conditions[index], states.slice(place, count: 1), evaluation, index)
      try model.embed(sample, [times], [model.configuration.dataType], into: work(place, of: x))
    }
    let tokens = x.slice(0, count: chosen.count * sequence)
    try probe?(.tokens, tokens)
    return tokens
  }

  private func work(_ place: Int, of x: Tensor) -> UniDiffuserWork {
    work.on(x.slice(place * sequence, count: sequence))
  }

  /// What the model is told of one pair, and the times of it.
  private func pair(
    _ condition: Condition, _ state: Tensor, _ evaluation: Int, _ index: Int
  ) throws -> (sample: UniDiffuserSample, times: (image: Float, text: Float)) {
    let time = timesteps[evaluation][index] + (model.configuration.compatibility == .diffusers ? 0 : 1)
    var known: [DrawnForm.Part: Tensor] = [:]
    if let text = condition.text?.states { known[.text] = try model.configuration.fitted(text) }
    if let picture = condition.picture { (known[.latents], known[.embedding]) = (picture.latents, picture.embedding) }
    func modality(_ modality: Modality) throws -> (parts: [Tensor], time: Float) {
      let parts = whole.parts.filter { $0.part.modality == modality }
      if condition.draws.contains(modality) {
        return (try parts.compactMap { try form.part($0.part, of: state) }, time)
      }
      let given = parts.compactMap { known[$0.part] }
      if given.count == parts.count { return (given, 0) }
      let noise = try condition.unknown?(modality, parts.map(\.shape), evaluation: evaluation)
      return (try noise ?? parts.map { try Tensor([1] + $0.shape) }, Self.last)
    }
    let (image, text) = (try modality(.image), try modality(.text))
    let shaped = zip(image.parts + text.parts, whole.parts).map { $0.reshaped([1] + $1.shape) }
    return (UniDiffuserSample(latents: shaped[0], clipImage: shaped[1], text: shaped[2]), (image.time, text.time))
  }

  func apply(blocks: Range<Int>, to x: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws {
    for place in chosen.indices { try model.apply(blocks: blocks, work(place, of: x), probe) }
  }

  /// In the form of the states; what a condition does not draw is there without a meaning.
  func finish(_ x: Tensor, _ chosen: [Int], evaluation: Int, size: [Int], probe: Probe?) throws -> Tensor {
    try probe?(.blocks, x)
    let joined = try Tensor.concatenated(
      chosen.indices.map { place in
        let noise = try model.outputs(work(place, of: x), probe: probe)
        return try form.joined { part, _ in noise[part] }
      })
    try probe?(.output, joined)
    return joined
  }
}
