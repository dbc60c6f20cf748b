import DiTCheckpoints
import DiTTensors

/// SANA (Xie et al., arXiv 2410.10629), SANA-1.5 (arXiv 2501.18427) and SANA-Sprint (arXiv 2503.09641): PixArt's blocks with
/// linear attention and a Mix-FFN, on latents of an autoencoder that shrinks pictures 32 times.
///
/// The depthwise convolutions of the Mix-FFN are what knows where things are: but for the largest sizes there are no
/// positions. Text states are normed behind their projection. Sprint is told the scale of guidance.
package final class Sana: DiffusionTransformer {
  package let configuration: SanaConfiguration
  let trunk: Trunk
  private let timestep: (first: Linear, second: Linear)  // [D, 256], [D, D]
  private let guidance: (first: Linear, second: Linear)?  // [D, 256], [D, D]
  private let adaLN: SharedModulation
  private let finalTable: [Float]  // [2·D]
  private let caption: CaptionProjection
  private let captionNorm: Tensor  // [D]

  package var latentChannels: Int { configuration.inChannels }
  package var patchSize: Int { configuration.patchSize }
  package var readsClasses: Bool { false }
  package var readsText: Bool { true }

  /// Keeps a query that no key answers from a division by zero. diffusers' number; the original has 1e-8.
  private static let attentionEps: Float = 1e-15
  /// Of the text's norm.
  private static let captionEps: Float = 1e-5
  /// What Sprint was distilled at, told where nobody says a scale.
  static let usualGuidance: Float = 4.5

  /// Declares the network; the order of the stages is that of the cost table.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: SanaConfiguration, _ parameters: Parameters) throws {
    self.configuration = configuration
    let (d, p) = (configuration.hiddenSize, configuration.patchSize)
    let patches = try parameters.stage("patch embedding").patchEmbedding(
      "x_embedder.proj", d, channels: configuration.inChannels, patchSize: p)
    let stage = parameters.stage("timestep")
    func embedder(_ name: String) throws -> (first: Linear, second: Linear) {
      (try stage.precise(name + ".mlp.0", d, 256), try stage.precise(name + ".mlp.2", d, d))
    }
    timestep = try embedder("t_embedder")
    guidance = try configuration.readsGuidance ? embedder("cfg_embedder") : nil
    adaLN = try SharedModulation(d, blocks: configuration.depth, parameters)
    let blocks = try (0..<configuration.depth).map { try Sana.block($0, configuration, parameters) }
    caption = try CaptionProjection(d, captionSize: configuration.captionSize, parameters)
    captionNorm = try parameters.stage("text keys and values", .picture)
      .tensor("attention_y_norm.weight", [d], start: .gain)
    let final = parameters.stage("final layer")
    finalTable = try final.tensor("final_layer.scale_shift_table", [2, d], start: .bias).array
    trunk = Trunk(
      shape: configuration.blockShape, backend: parameters.backend, patchSize: p, inChannels: configuration.inChannels,
      outChannels: configuration.outChannels, patchEmbedding: patches, blocks: blocks, finalNorm: nil,
      finalLinear: try final.precise("final_layer.linear", p * p * configuration.outChannels, d, on: .patches))
  }

  private static func block(
    _ index: Int, _ configuration: SanaConfiguration, _ parameters: Parameters
  ) throws -> TransformerBlock {
    let name = "blocks.\(index)."
    let (d, inner) = (configuration.hiddenSize, configuration.innerSize)
    func norms(_ stage: Parameters) throws -> QueryKeyNorm? {
      guard configuration.normalisesQueries else { return nil }
      return QueryKeyNorm(
        query: .rms(try stage.tensor("q_norm.weight", [d], start: .gain)),
        key: .rms(try stage.tensor("k_norm.weight", [d], start: .gain)))
    }
    let attention = parameters.stage("self-attention").scoped(name + "attn.")
    let text = parameters.stage(DiT.textStage).scoped(name + "cross_attn.")
    let mlp = parameters.stage("Mix-FFN").scoped(name + "mlp.")

    // As pixels are, never multiplied in eight bits: whether a number of a query near zero is above it decides what it finds.
    let qkv = try attention.pointwise(["qkv"], 3 * d, d, on: .patches, bias: configuration.hasAttentionBias)
    attention.linearAttention(d, headSize: configuration.headSize, on: .patches)
    let projection = try attention.linear("proj", d, d, on: .patches)
    text.attention(d, queries: .patches, keys: .text)
    let cross = CrossAttention(
      query: try text.linear("q_linear", d, d, on: .patches),
      keyValue: try text.stage("text keys and values", .picture).linear("kv_linear", 2 * d, d, on: .text),
      projection: try text.linear("proj", d, d, on: .patches), normalisesQuery: false, norm: nil,
      queryKeyNorm: try norms(text), heads: configuration.crossHeads)
    // 1×1 convolutions are linears of each patch.
    let expand = try mlp.linear("inverted_conv.conv", 2 * inner, d, on: .patches, shape: [2 * inner, d, 1, 1])
    let mixing = try mlp.depthwise("depth_conv.conv", 2 * inner, size: 3, on: .patches)
    let contract = try mlp.linear("point_conv.conv", d, inner, on: .patches, shape: [d, inner, 1, 1], bias: false)
    return TransformerBlock(
      qkv: qkv, projection: projection, queryKeyNorm: try norms(attention), linearEps: attentionEps, cross: cross,
      expand: expand, contract: contract, mixing: mixing)
  }

  /// Positions of a grid, [grid.count, D]; zeros where the model has none.
  package func positions(_ grid: Grid) throws -> Tensor {
    guard let rule = configuration.positions else { return try Tensor([grid.count, configuration.hiddenSize]) }
    return try sinCosPositions(size: configuration.hiddenSize, grid: grid, rule: rule)
  }

  package func prepare(_ conditions: [Condition], grid: Grid, timesteps: [[Float]]) throws -> any StagedRun {
    let conditions = conditions.map { condition in
      var told = Condition(condition.segments)
      told.guidance = configuration.readsGuidance ? condition.guidance ?? Sana.usualGuidance : nil
      return told
    }
    let backend = trunk.backend
    let text = try TextContext(trunk, conditions, size: configuration.captionSize) { states in
      let projected = try caption(states, backend)
      let normed = try Tensor(projected.shape, type: backend.activationType)
      try backend.rmsNorm(projected, weight: captionNorm, eps: Sana.captionEps, into: normed)
      return normed
    }
    return try DiTRun(
      trunk, conditions, positions: positions(grid), grid: grid,
      conditioning: try ConditioningTable(self, conditions, timesteps: timesteps), text: text)
  }
}

extension Sana: ConditioningSource {
  var backend: Backend { trunk.backend }

  var conditioningShape: (hiddenSize: Int, depth: Int, chunks: Int) {
    (configuration.hiddenSize, configuration.depth, 6)
  }

  func conditioning(_ keys: [ConditioningKey]) throws -> ConditioningRows {
    let times = try timestepFeatures(keys.map { $0.timestep * configuration.timestepFactor })
    let embedding = try backend.embed(times, timestep.first, timestep.second)  // [rows, D]
    if let guidance {
      let scales = try timestepFeatures(keys.map { ($0.guidance ?? Sana.usualGuidance) * configuration.guidanceFactor })
      try backend.add(embedding, backend.embed(scales, guidance.first, guidance.second), into: embedding)
    }
    return try adaLN(embedding, finalTable: finalTable, backend)
  }
}
