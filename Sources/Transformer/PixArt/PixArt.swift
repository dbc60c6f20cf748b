import DiTCheckpoints
import DiTTensors

/// PixArt-α (Chen et al., arXiv 2310.00426) and PixArt-Σ (arXiv 2403.04692): DiT blocks with cross-attention to text.
///
/// One linear makes the shifts, scales and gates of all blocks from the timestep ("adaLN-single"), and each block adds a
/// table of its own. Cross-attention has neither norm nor gate. Σ may have norms on queries and keys, and fewer keys.
/// What a checkpoint has of these is read off its tensors.
package final class PixArt: DiffusionTransformer {
  package let configuration: PixArtConfiguration
  let trunk: Trunk
  private let timestepIn, timestepOut: Linear  // [D, 256], [D, D]
  private let sizeEmbedder, aspectEmbedder: (first: Linear, second: Linear)?  // [D/3, 256], [D/3, D/3]
  private let adaLN: SharedModulation
  private let finalTable: [Float]  // [2·D]
  private let caption: CaptionProjection

  package var latentChannels: Int { configuration.inChannels }
  package var patchSize: Int { configuration.patchSize }
  package var readsClasses: Bool { false }
  package var readsText: Bool { true }

  /// Declares the network; the order of the stages is that of the cost table.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: PixArtConfiguration, _ parameters: Parameters) throws {
    self.configuration = configuration
    let (d, p) = (configuration.hiddenSize, configuration.patchSize)
    let patches = try parameters.stage("patch embedding").patchEmbedding(
      "x_embedder.proj", d, channels: configuration.inChannels, patchSize: p)
    let timestep = parameters.stage("timestep")
    timestepIn = try timestep.precise("t_embedder.mlp.0", d, 256)
    timestepOut = try timestep.precise("t_embedder.mlp.2", d, d)
    func embedder(_ name: String, numbers: Int) throws -> (first: Linear, second: Linear)? {
      guard configuration.readsExtent else { return nil }
      let stage = parameters.stage("size and aspect").scoped(name)
      return (
        try stage.precise(".mlp.0", d / 3, 256, on: .fixed(numbers)),
        try stage.precise(".mlp.2", d / 3, d / 3, on: .fixed(numbers))
      )
    }
    sizeEmbedder = try embedder("csize_embedder", numbers: 2)
    aspectEmbedder = try embedder("ar_embedder", numbers: 1)
    adaLN = try SharedModulation(d, blocks: configuration.depth, parameters)
    let blocks = try (0..<configuration.depth).map { try PixArt.block($0, configuration, parameters) }
    caption = try CaptionProjection(d, captionSize: configuration.captionSize, parameters)
    let final = parameters.stage("final layer")
    finalTable = try final.tensor("final_layer.scale_shift_table", [2, d], start: .bias).array
    trunk = Trunk(
      shape: configuration.blockShape, backend: parameters.backend, patchSize: p, inChannels: configuration.inChannels,
      outChannels: configuration.outChannels, patchEmbedding: patches, blocks: blocks, finalNorm: nil,
      finalLinear: try final.precise("final_layer.linear", p * p * configuration.outChannels, d, on: .patches))
  }

  private static func block(
    _ index: Int, _ configuration: PixArtConfiguration, _ parameters: Parameters
  ) throws -> TransformerBlock {
    let name = "blocks.\(index)."
    let d = configuration.hiddenSize
    let attention = parameters.stage("self-attention").scoped(name + "attn.")
    let factor = KeyValueCompression.factor
    let isCompressed = attention.contains("sr.weight")
    var block = try parameters.block(
      name, configuration.blockShape, on: .patches, affine: false,
      keys: isCompressed ? .patches(dividedBy: factor * factor) : nil
    ) { block in
      let stage = block.stage(DiT.textStage).scoped("cross_attn.")
      stage.attention(d, queries: .patches, keys: .text)
      return CrossAttention(
        query: try stage.linear("q_linear", d, d, on: .patches),
        keyValue: try stage.stage("text keys and values", .picture).linear("kv_linear", 2 * d, d, on: .text),
        projection: try stage.linear("proj", d, d, on: .patches), normalisesQuery: false, norm: nil)
    }
    if attention.contains("q_norm.weight") {
      block.queryKeyNorm = QueryKeyNorm(
        query: .layer(try attention.norm("q_norm", d)), key: .layer(try attention.norm("k_norm", d)))
    }
    if isCompressed {
      block.compression = try KeyValueCompression(
        weight: try attention.tensor("sr.weight", [d, 1, factor, factor]), bias: try attention.tensor("sr.bias", [d]),
        norm: try attention.norm("norm", d))
    }
    return block
  }

  /// Positions of a grid, [grid.count, D]; those a checkpoint stores are of one grid alone and not read.
  package func positions(_ grid: Grid) throws -> Tensor {
    try sinCosPositions(size: configuration.hiddenSize, grid: grid, rule: configuration.positions)
  }

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any StagedRun {
    // Models that are not told a size share rows of the conditioning table, whatever the size.
    let conditions = configuration.readsExtent ? conditions : conditions.map { Condition($0.segments) }
    let backend = trunk.backend
    let text = try TextContext(trunk, conditions, size: configuration.captionSize) { states in
      try caption(states, type: backend.activationType, backend)
    }
    return try DiTRun(
      trunk, conditions, positions: positions(grid), grid: grid,
      conditioning: try ConditioningTable(self, conditions, timesteps: timesteps), text: text)
  }
}

extension PixArt: ConditioningSource {
  var backend: Backend { trunk.backend }

  var conditioningShape: (hiddenSize: Int, depth: Int, chunks: Int) {
    (configuration.hiddenSize, configuration.depth, 6)
  }

  func conditioning(_ keys: [ConditioningKey]) throws -> ConditioningRows {
    let d = configuration.hiddenSize
    let embedding = try backend.embed(timestepFeatures(keys.map(\.timestep)), timestepIn, timestepOut)  // [rows, D]
    if let sizeEmbedder, let aspectEmbedder {
      let extents = keys.map { $0.extent ?? PictureExtent(height: 1024, width: 1024) }
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
    return try adaLN(embedding, finalTable: finalTable, backend)
  }
}
