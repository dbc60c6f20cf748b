import DiTTensors

/// A DiT or PixArt made ready for one set of pictures and one schedule, so that nothing is computed twice: positions and
/// text keys and values once, modulations once for all steps, buffers allocated once.
///
/// Not for use by several threads at a time.
package final class DiTRun: StagedRun {
  package let grid: Grid
  package let conditions: [Condition]
  package var blockCount: Int { trunk.blocks.count }

  private let trunk: Trunk
  private let positions: Tensor  // [T, D]
  private let conditioning: ConditioningTable
  private let text: TextContext?
  private let buffers: Buffers
  private let patches, tokens, decoded, finalNormed: Tensor
  private var attention: AttentionSums?
  private var backend: Backend { trunk.backend }
  package var sequence: Int { buffers.tokens }

  /// - Parameters:
  ///   - conditions: one for each picture of the batch.
  ///   - grid: patches of one picture.
  ///   - timesteps: for each evaluation of the model one timestep for each picture, on the 0…999 scale.
  package convenience init(_ model: DiT, conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws {
    let backend = model.trunk.backend
    let text = try model.textNorm.map { weight in
      try TextContext(model.trunk, conditions, size: weight.count) { states in
        let normed = try Tensor(states.shape, type: backend.activationType)
        try backend.rmsNorm(states, weight: weight, eps: 1e-6, into: normed)
        return normed
      }
    }
    try self.init(
      model.trunk, conditions, positions: model.positions(grid), grid: grid,
      conditioning: try ConditioningTable(model, conditions, timesteps: timesteps), text: text,
      extra: model.configuration.scheme == .inContext ? 2 : 0)
  }

  /// - Parameter extra: non-patch tokens of one picture.
  init(
    _ trunk: Trunk, _ conditions: [Condition], positions: Tensor, grid: Grid, conditioning: ConditioningTable,
    text: TextContext?, extra: Int = 0
  ) throws {
    self.trunk = trunk
    self.conditions = conditions
    self.positions = positions
    self.grid = grid
    self.conditioning = conditioning
    self.text = text
    let batch = conditions.count
    buffers = try Buffers(batch: batch, grid: grid, extra: extra, trunk.shape, type: trunk.backend.activationType)
    patches = try Tensor([batch * grid.count, trunk.patchEmbedding.inputs])
    tokens = try Tensor([batch * (grid.count + extra), trunk.shape.hiddenSize])
    finalNormed = try Tensor([batch * grid.count, trunk.shape.hiddenSize])
    decoded = try Tensor([batch * grid.count, trunk.finalLinear.outputs])
  }

  package var attentionMaps: [Tensor]? { get throws { try attention?.means() } }

  package func recordAttention() throws {
    guard let text else { return }
    attention = try AttentionSums(
      blocks: blockCount, conditions: conditions.count, tokens: sequence, length: text.length)
  }

  package func embed(_ latents: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws -> Tensor {
    precondition(chosen.count == latents.shape[0] && latents.shape[1] == trunk.inChannels)
    precondition(latents.shape.suffix(2).elementsEqual([grid.height * trunk.patchSize, grid.width * trunk.patchSize]))
    let x = tokens.slice(0, count: chosen.count * sequence)  // [B·T, D]
    try embed(latents, into: x, evaluation, chosen)
    try probe?(.embedding, x)
    try probe?(.conditioning, conditioning.embedding(evaluation, chosen))
    return x
  }

  package func apply(blocks: Range<Int>, to x: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws {
    for index in blocks {
      let maps = try attention?.gathered(index, chosen)
      try backend.recomputing(x) { [self] in
        try trunk.blocks[index](
          x, trunk.shape, backend, buffers, modulation: conditioning.modulation(block: index, evaluation, chosen),
          context: conditioning.context(block: index, evaluation, chosen) ?? text?.context(block: index, chosen),
          attention: maps)
      }
      if let maps { attention?.keep(maps, index, chosen) }
      try probe?(.block(index), x)
    }
  }

  package func finish(_ x: Tensor, _ chosen: [Int], evaluation: Int, size: [Int], probe: Probe?) throws -> Tensor {
    let kept = try withoutContextTokens(x, chosen.count)
    try probe?(.blocks, kept)
    let normed = finalNormed.slice(0, count: kept.shape[0])
    let final = try conditioning.finalModulation(evaluation, chosen)
    let chunk = { (index: Int) in
      final.map { Modulation($0, column: index * self.trunk.shape.hiddenSize, rowsPerGroup: self.grid.count) }
    }
    try backend.layerNorm(
      kept, eps: trunk.shape.normEps, weight: trunk.finalNorm?.weight, bias: trunk.finalNorm?.bias, shift: chunk(0),
      scale: chunk(1), into: normed)
    let out = decoded.slice(0, count: kept.shape[0])
    try backend.apply(trunk.finalLinear, to: normed, into: out)  // [B·T, p·p·out]
    let image = try Tensor([chosen.count, trunk.outChannels] + size)
    unpatchify(out, patchSize: trunk.patchSize, grid: grid, into: image)
    backend.reordered(out, into: image) { [trunk, grid] in addUnpatchified($0, patchSize: trunk.patchSize, grid: grid, to: $1) }
    try probe?(.output, image)
    return image
  }

  /// Patch embedding + positions, and the two context tokens of the in-context scheme at the end of each sequence.
  private func embed(_ latents: Tensor, into x: Tensor, _ evaluation: Int, _ chosen: [Int]) throws {
    let batch = latents.shape[0]
    let d = trunk.shape.hiddenSize
    let input = patches.slice(0, count: batch * grid.count)
    patchify(latents, patchSize: trunk.patchSize, into: input)
    backend.reordered(latents, into: input) { [trunk] in addPatchified($0, patchSize: trunk.patchSize, to: $1) }
    x.withFloats { target in
      positions.withFloats { source in
        for b in 0..<batch {
          let start = b * sequence * d
          for i in 0..<source.count { target[start + i] = source[i] }
        }
      }
    }
    for b in 0..<batch {
      try backend.accumulate(
        trunk.patchEmbedding, of: input.slice(b * grid.count, count: grid.count),
        into: x.slice(b * sequence, count: grid.count))
    }
    guard let extra = try conditioning.contextTokens(evaluation, chosen) else { return }  // [B·2, D]
    for b in 0..<batch {
      copy(extra.slice(2 * b, count: 2), into: x.slice(b * sequence + grid.count, count: 2))
    }
  }

  private func withoutContextTokens(_ x: Tensor, _ batch: Int) throws -> Tensor {
    guard sequence != grid.count else { return x }
    return try Tensor.concatenated((0..<batch).map { x.slice($0 * sequence, count: grid.count) })
  }
}

func copy(_ source: Tensor, into target: Tensor) {
  source.withFloats { from in
    target.withFloats { to in
      for i in 0..<from.count { to[i] = from[i] }
    }
  }
}
