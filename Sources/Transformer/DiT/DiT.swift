import DiTCheckpoints
import DiTTensors

/// A Diffusion Transformer (Peebles and Xie, arXiv 2212.09748): patches in, noise and variance logits out.
///
/// One type runs every member of the family: each conditioning scheme, class-conditional or with cross-attention to text
/// (as PixArt-α places it, arXiv 2310.00426). ``DiTRun`` does the work for one set of pictures.
package final class DiT: Sendable {
  package let configuration: DiTConfiguration
  let trunk: Trunk
  private let timestepIn, timestepOut: Linear  // [D, 256], [D, D]
  private let classTable: StoredMatrix  // [classes (+ null), D]
  let textNorm: Tensor?  // [text size]: RMS norm of the text states, once, before all blocks
  private let storedPositions: Tensor?  // [T, D] of the native grid
  private let modulations: LinearsInTurn?  // per block [6·D or 4·D, D]: a quarter of all weights, for one use a drawing
  private let finalModulation: Linear?  // [2·D, D]

  /// Declares the network; the order of the stages is that of the cost table.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: DiTConfiguration, _ parameters: Parameters) throws {
    self.configuration = configuration
    let (d, p) = (configuration.hiddenSize, configuration.patchSize)
    let scheme = configuration.scheme
    let embedding = parameters.stage("patch embedding")
    let patches = try embedding.patchEmbedding(
      "x_embedder.proj", d, channels: configuration.inChannels, patchSize: p)
    storedPositions = try DiT.positions(configuration, embedding)
    let timestep = parameters.stage("timestep")
    timestepIn = try timestep.precise("t_embedder.mlp.0", d, 256)
    timestepOut = try timestep.precise("t_embedder.mlp.2", d, d)
    classTable = try parameters.stage("classes").table(
      "y_embedder.embedding_table.weight", configuration.classes + (configuration.hasNullClass ? 1 : 0), d)
    modulations = try scheme.isAdaptive
      ? parameters.stage("adaLN").linearsInTurn(
        (0..<configuration.depth).map { "blocks.\($0).adaLN_modulation.1" }, scheme.modulationChunks * d, d, on: .one,
        start: .modulation, biasStart: scheme == .adaLNZero ? .modulation(chunks: 6) : .bias)
      : nil
    let blocks = try (0..<configuration.depth).map { try DiT.block($0, configuration, parameters) }
    textNorm = try configuration.textSize.map {
      try parameters.stage("text keys and values", .picture).tensor("text_norm.weight", [$0], start: .gain)
    }
    let final = parameters.stage("final layer")
    finalModulation = try scheme.isAdaptive
      ? final.linear("final_layer.adaLN_modulation.1", 2 * d, d, on: .one, start: .modulation) : nil
    trunk = Trunk(
      shape: configuration.blockShape, backend: parameters.backend, patchSize: p, inChannels: configuration.inChannels,
      outChannels: configuration.outChannels, patchEmbedding: patches, blocks: blocks,
      finalNorm: scheme.isAdaptive ? nil : try final.norm("final_layer.norm_final", d),
      finalLinear: try final.precise("final_layer.linear", p * p * configuration.outChannels, d, on: .patches))
  }

  /// `pos_embed` [1, T, D] of the native grid, where a checkpoint has it.
  private static func positions(_ configuration: DiTConfiguration, _ parameters: Parameters) throws -> Tensor? {
    guard parameters.contains("pos_embed") else { return nil }
    let (tokens, d) = (configuration.nativeGrid.count, configuration.hiddenSize)
    return try parameters.tensor("pos_embed", [1, tokens, d]).reshaped([tokens, d])
  }

  private static func block(
    _ index: Int, _ configuration: DiTConfiguration, _ parameters: Parameters
  ) throws -> TransformerBlock {
    let d = configuration.hiddenSize
    let tokens = Rows.patches(extra: configuration.scheme == .inContext ? 2 : 0)
    return try parameters.block(
      "blocks.\(index).", configuration.blockShape, on: tokens, affine: !configuration.scheme.isAdaptive
    ) { block in
      if configuration.scheme == .crossAttention {
        let stage = block.stage("cross-attention to timestep and class")
        let norm = try stage.norm("norm_cross", d)
        return try cross(stage.scoped("cross_attn."), stage.scoped("cross_attn."), d, from: d, tokens, .fixed(2), norm)
      }
      guard let textSize = configuration.textSize else { return nil }
      return try cross(
        block.stage(textStage).scoped("cross."), block.stage("text keys and values", .picture).scoped("cross."), d,
        from: textSize, tokens, .text, nil)
    }
  }

  /// The stage that a model without text does not have.
  package static let textStage = "text cross-attention"

  private static func cross(
    _ attention: Parameters, _ keyValue: Parameters, _ d: Int, from width: Int, _ tokens: Rows, _ keys: Rows,
    _ norm: AffineNorm?
  ) throws -> CrossAttention {
    attention.attention(d, queries: tokens, keys: keys)
    return CrossAttention(
      query: try attention.linear("q", d, d, on: tokens), keyValue: try keyValue.linear("kv", 2 * d, width, on: keys),
      projection: try attention.linear("proj", d, d, on: tokens), normalisesQuery: true, norm: norm)
  }

  /// Positions of a grid, [grid.count, D].
  func positions(_ grid: Grid) throws -> Tensor {
    if let storedPositions, grid == configuration.nativeGrid { return storedPositions }
    return try sinCosPositions(size: configuration.hiddenSize, grid: grid, rule: configuration.positions)
  }
}

extension DiT: ConditioningSource {
  var backend: Backend { trunk.backend }

  var conditioningShape: (hiddenSize: Int, depth: Int, chunks: Int) {
    (configuration.hiddenSize, configuration.depth, configuration.scheme.modulationChunks)
  }

  func conditioning(_ keys: [ConditioningKey]) throws -> ConditioningRows {
    let (count, d) = (keys.count, configuration.hiddenSize)
    let features = try timestepFeatures(keys.map(\.timestep), divisor: configuration.timestepDivisor)  // [rows, 256]
    let time = try backend.embed(features, timestepIn, timestepOut)  // [rows, D]
    let label = try Tensor([count, d])
    label.withFloats { target in
      guard let start = target.baseAddress else { return }
      for (row, key) in keys.enumerated() {
        guard let index = key.classIndex ?? configuration.nullClass else { continue }
        classTable.readRow(min(max(0, index), classTable.rows - 1), into: start + row * d)
      }
    }
    let sum = try Tensor([count, d])
    try backend.add(time, label, into: sum)
    var rows = ConditioningRows(embedding: sum)
    let activated = try Tensor([count, d])
    try backend.activate(.silu, sum, into: activated)
    if let modulations {
      rows.modulations = try backend.inTurn(modulations) { try backend.applied($0, to: activated) }
    }
    rows.final = try finalModulation.map { try backend.applied($0, to: activated) }

    guard !configuration.scheme.isAdaptive else { return rows }
    let pairs = try Tensor.concatenated(
      (0..<count).flatMap { [time.slice($0, count: 1), label.slice($0, count: 1)] })  // [rows · 2, D]
    if configuration.scheme == .inContext {
      rows.tokens = pairs
    } else {
      rows.keyValues = try trunk.blocks.compactMap { block in
        try block.cross.map { try backend.applied($0.keyValue, to: pairs, type: backend.activationType) }
      }
    }
    return rows
  }
}

extension Backend {
  /// The product as a new tensor.
  func applied(_ linear: Linear, to x: Tensor, activation: Activation = .none, type: ElementType = .f32) throws -> Tensor {
    let result = try Tensor([x.rows, linear.outputs], type: type)
    try apply(linear, to: x, activation: activation, into: result)
    return result
  }

  /// Linear, SiLU, Linear: how sinusoidal features become an embedding.
  func embed(_ features: Tensor, _ first: Linear, _ second: Linear) throws -> Tensor {
    try applied(second, to: applied(first, to: features, activation: .silu))
  }
}
