import DiTCheckpoints
import DiTTensors

/// PixArt-α (Chen et al., arXiv 2310.00426) and PixArt-Σ (arXiv 2403.04692): DiT blocks with cross-attention to text.
///
/// One linear makes the shifts, scales and gates of all blocks from the timestep ("adaLN-single"), and each block adds a
/// table of its own. Cross-attention has neither norm nor gate. Σ may have norms on queries and keys, and fewer keys.
/// What a checkpoint has of these is read off its tensors.
package final class PixArt: DiffusionTransformer, @unchecked Sendable {
  package let configuration: PixArtConfiguration
  let trunk: Trunk
  private let timestepIn, timestepOut: Linear  // [D, 256], [D, D]
  private let sizeEmbedder, aspectEmbedder: (first: Linear, second: Linear)?  // [D/3, 256], [D/3, D/3]
  private let modulation: Linear  // t_block: [6·D, D]
  private let tables: [[Float]]  // per block [6·D]
  private let finalTable: [Float]  // [2·D]
  private let caption: (first: Linear, second: Linear)  // [D, caption], [D, D]

  package var latentChannels: Int { configuration.inChannels }
  package var patchSize: Int { configuration.patchSize }
  package var readsClasses: Bool { false }
  package var readsText: Bool { true }

  /// Pixels along one side of a latent, for the size that is told where the caller names none.
  private static let pixelsPerLatent = 8

  /// - Parameter names: `.official` or `.diffusersPixArt`.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(
    _ configuration: PixArtConfiguration, checkpoint: Checkpoint, names: ParameterNames, backend: Backend
  ) throws {
    self.configuration = configuration
    let reader = ParameterReader(checkpoint: checkpoint, names: names, backend: backend)
    let d = configuration.hiddenSize
    timestepIn = try reader.linear("t_embedder.mlp.0", d, 256, precise: true)
    timestepOut = try reader.linear("t_embedder.mlp.2", d, d, precise: true)
    func embedder(_ name: String) throws -> (first: Linear, second: Linear)? {
      guard configuration.readsExtent else { return nil }
      return (
        try reader.linear(name + ".mlp.0", d / 3, 256, precise: true),
        try reader.linear(name + ".mlp.2", d / 3, d / 3, precise: true)
      )
    }
    sizeEmbedder = try embedder("csize_embedder")
    aspectEmbedder = try embedder("ar_embedder")
    modulation = try reader.linear("t_block.1", 6 * d, d, precise: true)
    tables = try (0..<configuration.depth).map { try reader.tensor("blocks.\($0).scale_shift_table", [6, d]).array }
    finalTable = try reader.tensor("final_layer.scale_shift_table", [2, d]).array
    caption = (
      try reader.linear("y_embedder.y_proj.fc1", d, configuration.captionSize),
      try reader.linear("y_embedder.y_proj.fc2", d, d)
    )
    trunk = Trunk(
      shape: configuration.blockShape, backend: backend, patchSize: configuration.patchSize,
      inChannels: configuration.inChannels, outChannels: configuration.outChannels,
      patchEmbedding: try reader.patchEmbedding(
        "x_embedder.proj", d, channels: configuration.inChannels, patchSize: configuration.patchSize),
      blocks: try (0..<configuration.depth).map { try PixArt.block($0, configuration, reader) }, finalNorm: nil,
      finalLinear: try reader.linear(
        "final_layer.linear", configuration.patchSize * configuration.patchSize * configuration.outChannels, d,
        precise: true))
  }

  private static func block(
    _ index: Int, _ configuration: PixArtConfiguration, _ reader: ParameterReader
  ) throws -> DiTBlock {
    let name = "blocks.\(index)."
    let d = configuration.hiddenSize
    var block = try reader.block(name, configuration.blockShape, affine: false)
    block.cross = CrossAttention(
      query: try reader.linear(name + "cross_attn.q_linear", d, d),
      keyValue: try reader.linear(name + "cross_attn.kv_linear", 2 * d, d),
      projection: try reader.linear(name + "cross_attn.proj", d, d), normalisesQuery: false, norm: nil)
    if reader.contains(name + "attn.q_norm.weight") {
      block.queryKeyNorm = QueryKeyNorm(
        query: try reader.norm(name + "attn.q_norm", d), key: try reader.norm(name + "attn.k_norm", d))
    }
    if reader.contains(name + "attn.sr.weight") {
      let factor = KeyValueCompression.factor
      block.compression = try KeyValueCompression(
        weight: try reader.tensor(name + "attn.sr.weight", [d, 1, factor, factor]),
        bias: try reader.tensor(name + "attn.sr.bias", [d]), norm: try reader.norm(name + "attn.norm", d))
    }
    return block
  }

  /// Positions of a grid, [grid.count, D]; those a checkpoint stores are of one grid alone and not read.
  package func positions(_ grid: Grid) throws -> Tensor {
    try sinCosPositions(size: configuration.hiddenSize, grid: grid, rule: configuration.positions)
  }

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any TransformerRun {
    let drawn = { (patches: Int) in Float(patches * self.patchSize * PixArt.pixelsPerLatent) }
    let conditions = conditions.map { condition in
      var condition = condition
      if !configuration.readsExtent {
        condition.extent = nil
      } else if condition.extent == nil {
        condition.extent = PictureExtent(height: drawn(grid.height), width: drawn(grid.width))
      }
      return condition
    }
    let backend = trunk.backend
    let text = try TextContext(trunk, conditions, size: configuration.captionSize) { states in
      let hidden = try backend.applied(caption.first, to: states, activation: .geluTanh, type: backend.activationType)
      return try backend.applied(caption.second, to: hidden, type: backend.activationType)
    }
    return try DiTRun(
      trunk, conditions, positions: positions(grid), grid: grid,
      conditioning: try ConditioningTable(self, conditions, timesteps: timesteps), text: text)
  }
}

extension PixArt: ConditioningSource {
  var conditioningShape: (hiddenSize: Int, depth: Int, chunks: Int) {
    (configuration.hiddenSize, configuration.depth, 6)
  }

  func conditioning(_ keys: [ConditioningKey]) throws -> ConditioningRows {
    let backend = trunk.backend
    let d = configuration.hiddenSize
    let embedding = try backend.embed(timestepFeatures(keys.map(\.timestep)), timestepIn, timestepOut)  // [rows, D]
    if let sizeEmbedder, let aspectEmbedder {
      let extents = keys.map { $0.extent ?? PictureExtent(height: 1, width: 1) }
      let sizes = try backend.embed(
        try timestepFeatures(extents.flatMap { [$0.height, $0.width] }), sizeEmbedder.first, sizeEmbedder.second)
      let aspects = try backend.embed(
        try timestepFeatures(extents.map(\.aspectRatio)), aspectEmbedder.first, aspectEmbedder.second)  // [rows, D/3]
      embedding.withFloats { target in
        let (sizes, aspects) = (sizes.array, aspects.array)  // sizes [rows · 2, D/3]: height, width
        let third = d / 3
        for row in keys.indices {
          for i in 0..<2 * third { target[row * d + i] += sizes[row * 2 * third + i] }
          for i in 0..<third { target[row * d + 2 * third + i] += aspects[row * third + i] }
        }
      }
    }
    let activated = try Tensor([keys.count, d])
    try backend.activate(.silu, embedding, into: activated)
    let shared = try backend.applied(modulation, to: activated).array  // [rows, 6·D]
    let time = embedding.array
    var rows = ConditioningRows(embedding: embedding)
    rows.modulations = try tables.map { table in
      try Tensor(shared.indices.map { shared[$0] + table[$0 % table.count] }, [keys.count, 6 * d])
    }
    // The final layer adds its table to the embedding itself, twice: for the shift and for the scale.
    rows.final = try Tensor(
      (0..<keys.count * 2 * d).map { time[$0 / (2 * d) * d + $0 % d] + finalTable[$0 % (2 * d)] }, [keys.count, 2 * d])
    return rows
  }
}
