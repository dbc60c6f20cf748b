import DiTTensors

/// A ``UViT`` made ready for one set of pictures and one schedule.
///
/// Not for use by several threads at a time.
final class UViTRun: StagedRun {
  private let model: UViT
  private let conditions: [Condition]
  private let timesteps: [[Float]]
  private let buffers: Buffers
  private let patches, tokens, normed, decoded: Tensor
  private let skips: [Tensor]  // [B·S, D] each
  private let joined: Tensor  // [B·S, 2·D]: the stream beside a skip
  private let fixed: [Tensor]  // per picture: class row, or text tokens [n, D]

  private var configuration: UViTConfiguration { model.configuration }
  private var backend: Backend { model.backend }

  /// Text takes part as tokens; no maps of attention to it are kept.
  var attentionMaps: [Tensor]? { nil }
  func recordAttention() {}

  init(_ model: UViT, conditions: [Condition], timesteps: [[Float]]) throws {
    self.model = model
    self.conditions = conditions
    self.timesteps = timesteps
    let configuration = model.configuration
    let d = configuration.hiddenSize
    buffers = try Buffers(
      batch: conditions.count, grid: configuration.nativeGrid, extra: configuration.extraTokens,
      configuration.blockShape, type: model.backend.activationType)
    let rows = conditions.count * buffers.tokens
    patches = try Tensor([conditions.count * buffers.grid.count, model.patchEmbedding.inputs])
    tokens = try Tensor([rows, d])
    normed = try Tensor([rows, d])
    decoded = try Tensor([rows, model.finalLinear.outputs])
    skips = try model.inBlocks.map { _ in try Tensor([rows, d]) }
    joined = try Tensor([rows, 2 * d])
    fixed = try conditions.map { try UViTRun.conditionTokens(model, $0) }
  }

  /// The class row, or the text tokens, of one picture; [0, D] where the model has neither.
  private static func conditionTokens(_ model: UViT, _ condition: Condition) throws -> Tensor {
    let d = model.configuration.hiddenSize
    if let table = model.classTable {
      let row = try Tensor([1, d])
      let index = min(max(0, condition.classIndex ?? table.rows - 1), table.rows - 1)
      row.withFloats { if let start = $0.baseAddress { table.readRow(index, into: start) } }
      return row
    }
    guard let text = model.configuration.text, let embedding = model.textEmbedding else { return try Tensor([0, d]) }
    // The model knows one number of tokens: a shorter text is filled up with zeros, a longer one is cut.
    let states = try Tensor([text.tokens, text.width])
    if let given = condition.text?.states {
      let count = min(text.tokens, given.shape[0])
      copy(given.slice(0, count: count), into: states.slice(0, count: count))
    }
    return try model.backend.applied(embedding, to: states)
  }

  var blockCount: Int { configuration.depth / 2 * 2 + 1 }
  var sequence: Int { buffers.tokens }

  func embed(_ latents: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws -> Tensor {
    precondition(chosen.count == latents.shape[0] && latents.shape[1] == configuration.inChannels)
    let x = tokens.slice(0, count: chosen.count * sequence)  // [B·S, D]
    try embed(latents, into: x, evaluation, chosen)
    try probe?(.tokens, x)
    return x
  }

  func apply(blocks: Range<Int>, to x: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws {
    let shape = configuration.blockShape
    let half = model.inBlocks.count
    let pair = joined.slice(0, count: x.shape[0])
    for index in blocks {
      // What an in-block gave is a skip; kept here, and not behind that block, it is that of the same conditions.
      if index > 0, index <= half { copy(x, into: skips[index - 1].slice(0, count: x.shape[0])) }
      if index < half {
        try model.inBlocks[index](x, shape, backend, buffers)
        try probe?(.block(index), x)
      } else if index == half {
        try model.middleBlock(x, shape, backend, buffers)
        try probe?(.middleBlock, x)
      } else {
        let out = model.outBlocks[index - half - 1]
        // Last in, first out.
        join(x, skips[2 * half - index], into: pair)
        try backend.apply(out.skip, to: pair, into: x)  // [B·S, D]
        try out.block(x, shape, backend, buffers)
        try probe?(.outBlock(index - half - 1), x)
      }
    }
  }

  func finish(_ x: Tensor, _ chosen: [Int], evaluation: Int, size: [Int], probe: Probe?) throws -> Tensor {
    try probe?(.blocks, x)
    let last = normed.slice(0, count: x.shape[0])
    try backend.layerNorm(x, eps: 1e-5, weight: model.norm.weight, bias: model.norm.bias, into: last)
    let out = decoded.slice(0, count: x.shape[0])
    try backend.apply(model.finalLinear, to: last, into: out)  // [B·S, p·p·C]
    try probe?(.predictedPatches, out)
    let image = try picture(out, chosen.count, [chosen.count, configuration.inChannels] + size)
    try probe?(.output, image)
    return image
  }

  /// Class, time and text tokens, then the patches, all with their positions.
  private func embed(_ latents: Tensor, into x: Tensor, _ evaluation: Int, _ chosen: [Int]) throws {
    let batch = latents.shape[0]
    let input = patches.slice(0, count: batch * buffers.grid.count)
    patchify(latents, patchSize: configuration.patchSize, into: input)
    let features = try timestepFeatures(
      chosen.map { timesteps[evaluation][$0] + configuration.timestepOffset }, size: configuration.hiddenSize)
    let time = try model.timeMLP.map { try backend.embed(features, $0.first, $0.second) } ?? features  // [B, D]
    for b in 0..<batch {
      let picture = x.slice(b * buffers.tokens, count: buffers.tokens)
      copy(model.positions, into: picture)
      // Order: class, time, patches; or time, text, patches.
      let timePlace = model.classTable == nil ? 0 : 1
      let fixedPlace = model.classTable == nil ? 1 : 0
      add(time.slice(b, count: 1), to: picture.slice(timePlace, count: 1))
      let tokens = fixed[chosen[b]]
      add(tokens, to: picture.slice(fixedPlace, count: tokens.shape[0]))
      try backend.accumulate(
        model.patchEmbedding, of: input.slice(b * buffers.grid.count, count: buffers.grid.count),
        into: picture.slice(configuration.extraTokens, count: buffers.grid.count))
    }
  }

  private func add(_ source: Tensor, to target: Tensor) {
    source.withFloats { from in
      target.withFloats { to in
        for i in 0..<from.count { to[i] += from[i] }
      }
    }
  }

  /// [x ‖ skip], row by row.
  private func join(_ x: Tensor, _ skip: Tensor, into pair: Tensor) {
    let d = configuration.hiddenSize
    x.withFloats { x in
      skip.withFloats { skip in
        pair.withFloats { pair in
          for row in 0..<x.count / d {
            for i in 0..<d {
              pair[2 * row * d + i] = x[row * d + i]
              pair[(2 * row + 1) * d + i] = skip[row * d + i]
            }
          }
        }
      }
    }
  }

  /// The patches alone, as a picture, through the last convolution.
  private func picture(_ out: Tensor, _ batch: Int, _ shape: [Int]) throws -> Tensor {
    let kept = try Tensor.concatenated(
      (0..<batch).map { out.slice($0 * buffers.tokens + configuration.extraTokens, count: buffers.grid.count) })
    let image = try Tensor(shape)
    unpatchify(kept, patchSize: configuration.patchSize, grid: buffers.grid, into: image)
    guard let convolution = model.convolution else { return image }
    let (channels, area) = (shape[1], shape[2] * shape[3])
    let pixels = try Tensor([batch, shape[2], shape[3], channels])
    let convolved = try Tensor(pixels.shape)
    transpose(image, pictures: batch, rows: channels, columns: area, into: pixels)
    try backend.convolve(convolution, pixels, into: convolved)
    transpose(convolved, pictures: batch, rows: area, columns: channels, into: image)
    return image
  }

  private func transpose(_ x: Tensor, pictures: Int, rows: Int, columns: Int, into y: Tensor) {
    x.withFloats { x in
      y.withFloats { y in
        for b in 0..<pictures {
          for row in 0..<rows {
            for column in 0..<columns { y[(b * columns + column) * rows + row] = x[(b * rows + row) * columns + column] }
          }
        }
      }
    }
  }
}
