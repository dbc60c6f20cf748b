import DiTCheckpoints
import DiTTensors

/// UniDiffuser (Bao et al. 2023, arXiv 2303.06555): one transformer that predicts the noise in a picture and in a text, each at
/// its own time. Blocks as U-ViT's with long skips, but the norms are on the trunk, behind every sum.
package final class UniDiffuser: DiffusionTransformer, @unchecked Sendable {
  package let configuration: UniDiffuserConfiguration
  let backend: Backend
  private let patchEmbedding: Linear  // [D, C·p·p]
  private let textEmbedding, clipEmbedding: Linear  // [D, text], [D, CLIP]
  private let timeMLPs: (image: (Linear, Linear), text: (Linear, Linear))?
  private let dataTypes: Tensor?  // [2, D]
  private let dataTypePosition: Tensor?  // [1, D]
  private let positions: Tensor  // [2 + text + 1 + patches, D]
  private let inBlocks: [Block]
  private let middleBlock: Block
  private let outBlocks: [Block]
  private let norm: AffineNorm
  private let patchOutput, textOutput, clipOutput: Linear

  package var latentChannels: Int { configuration.latentChannels }
  package var patchSize: Int { configuration.patchSize }
  package var readsClasses: Bool { false }
  package var readsText: Bool { true }

  private struct Block {
    let qkv, projection, expand, contract: Linear
    let attentionNorm, mlpNorm: AffineNorm
    /// Of the second half: joins the skip, [D, 2·D].
    let skip: (linear: Linear, norm: AffineNorm)?
  }

  /// Declares the network under the original's names.
  package init(_ configuration: UniDiffuserConfiguration, _ parameters: Parameters) throws {
    self.configuration = configuration
    backend = parameters.backend
    let (d, p, shape) = (configuration.hiddenSize, configuration.patchSize, configuration.blockShape)
    let channels = configuration.latentChannels
    let sequence = Rows.patches(extra: configuration.extraTokens)
    patchEmbedding = try parameters.stage("patch embedding").patchEmbedding("patch_embed.proj", d, channels: channels, patchSize: p)
    let words = parameters.stage("text and CLIP tokens")
    textEmbedding = try words.precise("text_embed", d, configuration.wordSize, on: .fixed(configuration.textTokens))
    clipEmbedding = try words.precise("clip_img_embed", d, configuration.clipSize)
    let times = parameters.stage("timestep")
    func mlp(_ name: String) throws -> (Linear, Linear) {
      (try times.precise("\(name).0", 4 * d, d), try times.precise("\(name).2", d, 4 * d))
    }
    timeMLPs = configuration.hasTimeMLP ? (try mlp("time_img_embed"), try mlp("time_text_embed")) : nil
    dataTypes = configuration.hasDataType ? try words.tensor("token_embedding.weight", [2, d], start: .table) : nil
    dataTypePosition = configuration.hasDataType ? try words.tensor("pos_embed_token", [1, 1, d]).reshaped([1, d]) : nil
    let count = 3 + configuration.textTokens + configuration.grid.count
    positions = try parameters.stage("patch embedding").tensor("pos_embed", [1, count, d]).reshaped([count, d])
    func block(_ name: String, joins: Bool = false) throws -> Block {
      let attention = parameters.scoped(name).stage("self-attention")
      let mlp = parameters.scoped(name).stage("MLP")
      let long = parameters.scoped(name).stage("long skips")
      attention.attention(d, queries: sequence, keys: sequence)
      return Block(
        qkv: try attention.linear("attn.qkv", 3 * d, d, on: sequence, bias: configuration.hasQKVBias),
        projection: try attention.linear("attn.proj", d, d, on: sequence),
        expand: try mlp.linear("mlp.fc1", shape.mlpSize, d, on: sequence),
        contract: try mlp.linear("mlp.fc2", d, shape.mlpSize, on: sequence),
        attentionNorm: try attention.norm("norm2", d), mlpNorm: try mlp.norm("norm3", d),
        skip: joins ? (try long.linear("skip_linear", d, 2 * d, on: sequence), try long.norm("norm1", d)) : nil)
    }
    let half = configuration.depth / 2
    inBlocks = try (0..<half).map { try block("in_blocks.\($0).") }
    middleBlock = try block("mid_block.")
    outBlocks = try (0..<half).map { try block("out_blocks.\($0).", joins: true) }
    let final = parameters.stage("final layer")
    norm = try final.norm("norm", d)
    patchOutput = try final.precise("decoder_pred", p * p * channels, d, on: .patches)
    textOutput = try final.precise("text_out", configuration.wordSize, d, on: .fixed(configuration.textTokens))
    clipOutput = try final.precise("clip_img_out", configuration.clipSize, d)
  }

  /// The noise in picture and text.
  /// - Parameters:
  ///   - times: of each pair, of the picture and of the text, 0 (as it is) to 1000 (noise).
  ///   - dataTypes: of each pair 1 for clean pictures and captions, 0 for those of the web; not read by v0.
  ///   - probe: is shown the intermediate states.
  package func predict(
    _ sample: UniDiffuserSample, times: [(image: Float, text: Float)], dataTypes types: [Int], probe: Probe? = nil
  ) throws -> UniDiffuserSample {
    let size = sample.latents.shape.suffix(2).map { $0 }
    let grid = Grid(height: size[0] / configuration.patchSize, width: size[1] / configuration.patchSize)
    let work = try UniDiffuserWork(self, pairs: sample.count, grid: grid)
    try embed(sample, times, types, into: work)
    try probe?(.tokens, work.x)
    try apply(blocks: 0..<blockCount, work, probe)
    try probe?(.blocks, work.x)
    return try outputs(work, probe: probe)
  }

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any StagedRun {
    try UniDiffuserRun(self, conditions: conditions, grid: grid, timesteps: timesteps)
  }

  /// In both halves, and the one between them.
  var blockCount: Int { inBlocks.count + 1 + outBlocks.count }

  // MARK: tokens

  /// Times, kind of data, text, CLIP's embedding and patches, all with their positions.
  func embed(
    _ sample: UniDiffuserSample, _ times: [(image: Float, text: Float)], _ types: [Int], into work: UniDiffuserWork
  ) throws {
    let (x, grid, sequence) = (work.x, work.grid, work.sequence)
    let first = configuration.hasDataType ? 3 : 2
    func features(_ times: [Float], _ mlp: (Linear, Linear)?) throws -> Tensor {
      let features = try timestepFeatures(times, size: configuration.hiddenSize)
      return try mlp.map { try backend.embed(features, $0.0, $0.1) } ?? features
    }
    let image = try features(times.map(\.image), timeMLPs?.image), text = try features(times.map(\.text), timeMLPs?.text)
    let patches = try Tensor([sample.count * grid.count, patchEmbedding.inputs])
    patchify(sample.latents, patchSize: configuration.patchSize, into: patches)
    let grown = try patchPositions(grid)
    let words = configuration.textTokens
    for b in 0..<sample.count {
      let rows = x.slice(b * sequence, count: sequence)
      try positions.slice(0, count: 2).copy(into: rows.slice(0, count: 2))
      try positions.slice(2, count: words + 1).copy(into: rows.slice(first, count: words + 1))
      try grown.copy(into: rows.slice(first + words + 1, count: grid.count))
      try backend.add(rows.slice(0, count: 1), image.slice(b, count: 1), into: rows.slice(0, count: 1))
      try backend.add(rows.slice(1, count: 1), text.slice(b, count: 1), into: rows.slice(1, count: 1))
      if let dataTypes, let dataTypePosition {
        try backend.add(dataTypePosition, dataTypes.slice(min(max(0, types[b]), 1), count: 1), into: rows.slice(2, count: 1))
      }
      let states = sample.text.slice(b, count: 1).reshaped([words, configuration.wordSize])
      try backend.accumulate(textEmbedding, of: states, into: rows.slice(first, count: words))
      let clip = sample.clipImage.slice(b, count: 1).reshaped([1, configuration.clipSize])
      try backend.accumulate(clipEmbedding, of: clip, into: rows.slice(first + words, count: 1))
      try backend.accumulate(
        patchEmbedding, of: patches.slice(b * grid.count, count: grid.count),
        into: rows.slice(first + words + 1, count: grid.count))
    }
  }

  /// Positions of the patches; of another grid than the trained one those of it as a picture, resized bilinearly.
  private func patchPositions(_ grid: Grid) throws -> Tensor {
    let native = configuration.grid
    let stored = positions.slice(3 + configuration.textTokens, count: native.count)
    guard grid != native else { return stored }
    let result = try Tensor([grid.count, configuration.hiddenSize])
    func neighbours(_ place: Int, _ count: Int, _ side: Int) -> (low: Int, high: Int, share: Float) {
      let at = max(0, (Float(place) + 0.5) * Float(side) / Float(count) - 0.5)
      let low = min(Int(at), side - 1)
      return (low, min(low + 1, side - 1), at - Float(low))
    }
    let d = configuration.hiddenSize
    result.withFloats { to in
      stored.withFloats { from in
        for row in 0..<grid.height {
          let y = neighbours(row, grid.height, native.height)
          for column in 0..<grid.width {
            let x = neighbours(column, grid.width, native.width)
            for i in 0..<d {
              func at(_ row: Int, _ column: Int) -> Float { from[(row * native.width + column) * d + i] }
              let top = at(y.low, x.low) * (1 - x.share) + at(y.low, x.high) * x.share
              let bottom = at(y.high, x.low) * (1 - x.share) + at(y.high, x.high) * x.share
              to[(row * grid.width + column) * d + i] = top * (1 - y.share) + bottom * y.share
            }
          }
        }
      }
    }
    return result
  }

  // MARK: blocks

  private func normalise(_ x: Tensor, _ norm: AffineNorm) throws {
    try backend.layerNorm(x, eps: 1e-5, weight: norm.weight, bias: norm.bias, into: x)
  }

  /// Advances all pairs in place by some of the blocks, which follow those that were last computed.
  func apply(blocks: Range<Int>, _ work: UniDiffuserWork, _ probe: Probe?) throws {
    let (x, half) = (work.x, inBlocks.count)
    for index in blocks {
      // What a block of the first half gave is a skip; kept here, and not behind that block, it is that of the same pairs.
      if index > 0, index <= half { try backend.activate(.none, x, into: work.skips[index - 1]) }
      if index < half {
        try run(inBlocks[index], work)
        try probe?(.block(index), x)
      } else if index == half {
        try run(middleBlock, work)
        try probe?(.middleBlock, x)
      } else {
        let block = outBlocks[index - half - 1]
        if let skip = block.skip {
          try join(x, work.skips[2 * half - index], into: work.joined)  // last in, first out
          try backend.apply(skip.linear, to: work.joined, into: x)
          try normalise(x, skip.norm)
        }
        try run(block, work)
        try probe?(.outBlock(index - half - 1), x)
      }
    }
  }

  /// x = LN(x + attention(x)), x = LN(x + MLP(x)).
  private func run(_ block: Block, _ work: UniDiffuserWork) throws {
    let (shape, d, x) = (configuration.blockShape, configuration.hiddenSize, work.x)
    try backend.apply(block.qkv, to: x, into: work.qkv)  // [B·S, 3·D]
    try backend.attention(
      AttentionShape(
        batch: x.rows / work.sequence, heads: shape.heads, headSize: shape.headSize, queries: work.sequence,
        keys: work.sequence),
      q: Matrix(work.qkv, from: 0, count: d), k: Matrix(work.qkv, from: d, count: d),
      v: Matrix(work.qkv, from: 2 * d, count: d), into: work.attended)
    try backend.accumulate(block.projection, of: work.attended, into: x)
    try normalise(x, block.attentionNorm)
    try backend.apply(block.expand, to: x, activation: shape.activation, into: work.hidden)  // [B·S, mlp]
    try backend.accumulate(block.contract, of: work.hidden, into: x)
    try normalise(x, block.mlpNorm)
  }

  /// [x ‖ skip], row by row.
  private func join(_ x: Tensor, _ skip: Tensor, into pair: Tensor) throws {
    let d = configuration.hiddenSize
    try backend.activate(.none, x, into: Matrix(pair, from: 0, count: d))
    try backend.activate(.none, skip, into: Matrix(pair, from: d, count: d))
  }

  // MARK: outputs

  /// The noise in what ``apply(blocks:_:_:)`` left, whose tokens are normed in place.
  func outputs(_ work: UniDiffuserWork, probe: Probe?) throws -> UniDiffuserSample {
    let (x, grid, sequence) = (work.x, work.grid, work.sequence)
    try normalise(x, norm)
    let (batch, words, first) = (x.rows / sequence, configuration.textTokens, configuration.hasDataType ? 3 : 2)
    func rows(_ start: Int, _ count: Int, _ linear: Linear) throws -> Tensor {
      let chosen = try Tensor.concatenated((0..<batch).map { x.slice($0 * sequence + start, count: count) })
      return try backend.applied(linear, to: chosen)
    }
    let patches = try rows(first + words + 1, grid.count, patchOutput)
    try probe?(.predictedPatches, patches)
    let p = configuration.patchSize
    let latents = try Tensor([batch, configuration.latentChannels, grid.height * p, grid.width * p])
    unpatchify(patches, patchSize: p, grid: grid, into: latents)
    return UniDiffuserSample(
      latents: latents, clipImage: try rows(first + words, 1, clipOutput).reshaped([batch, 1, configuration.clipSize]),
      text: try rows(first, words, textOutput).reshaped([batch, words, configuration.wordSize]))
  }
}
