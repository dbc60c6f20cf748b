import DiTCheckpoints
import DiTTensors

/// A Diffusion Transformer (Peebles and Xie, arXiv 2212.09748): patches in, noise and variance logits out.
///
/// One type runs every member of the family: each conditioning scheme, class-conditional or with cross-attention to text
/// (as PixArt-α places it, arXiv 2310.00426). ``DiTRun`` does the work for one set of pictures.
package final class DiT: @unchecked Sendable {
  package let configuration: DiTConfiguration
  let trunk: Trunk
  private let timestepIn, timestepOut: Linear  // [D, 256], [D, D]
  private let classTable: StoredMatrix  // [classes (+ null), D]
  let textNorm: Tensor?  // [text size]: RMS norm of the text states, once, before all blocks
  private let storedPositions: Tensor?  // [T, D] of the native grid
  private let modulations: LinearsInTurn?  // per block [6·D or 4·D, D]: a quarter of all weights, for one use a drawing
  private let finalModulation: Linear?  // [2·D, D]

  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(
    _ configuration: DiTConfiguration, checkpoint: Checkpoint, names: ParameterNames, backend: Backend
  ) throws {
    self.configuration = configuration
    let reader = ParameterReader(checkpoint: checkpoint, names: names, backend: backend)
    let d = configuration.hiddenSize
    let adaptive = configuration.scheme.isAdaptive
    timestepIn = try reader.linear("t_embedder.mlp.0", d, 256, precise: true)
    timestepOut = try reader.linear("t_embedder.mlp.2", d, d, precise: true)
    classTable = try reader.matrix(
      "y_embedder.embedding_table.weight", configuration.classes + (configuration.hasNullClass ? 1 : 0), d)
    textNorm = try configuration.textSize.map { try reader.tensor("text_norm.weight", [$0]) }
    storedPositions = try reader.positions(tokens: configuration.nativeGrid.count, d)
    modulations = try adaptive
      ? reader.linearsInTurn(
        (0..<configuration.depth).map { "blocks.\($0).adaLN_modulation.1" }, configuration.scheme.modulationChunks * d, d)
      : nil
    finalModulation = adaptive ? try reader.linear("final_layer.adaLN_modulation.1", 2 * d, d) : nil
    trunk = Trunk(
      shape: configuration.blockShape, backend: backend, patchSize: configuration.patchSize,
      inChannels: configuration.inChannels, outChannels: configuration.outChannels,
      patchEmbedding: try reader.patchEmbedding(
        "x_embedder.proj", d, channels: configuration.inChannels, patchSize: configuration.patchSize),
      blocks: try (0..<configuration.depth).map { try DiT.block($0, configuration, reader) },
      finalNorm: adaptive ? nil : try reader.norm("final_layer.norm_final", d),
      finalLinear: try reader.linear(
        "final_layer.linear", configuration.patchSize * configuration.patchSize * configuration.outChannels, d,
        precise: true))
  }

  private static func block(
    _ index: Int, _ configuration: DiTConfiguration, _ reader: ParameterReader
  ) throws -> DiTBlock {
    let name = "blocks.\(index)."
    let d = configuration.hiddenSize
    var block = try reader.block(name, configuration.blockShape, affine: !configuration.scheme.isAdaptive)
    // Cross-attention to the text, or in the scheme of that name to (timestep, class).
    let byScheme = configuration.scheme == .crossAttention
    if byScheme || configuration.textSize != nil {
      let cross = name + (byScheme ? "cross_attn." : "cross.")
      block.cross = CrossAttention(
        query: try reader.linear(cross + "q", d, d),
        keyValue: try reader.linear(cross + "kv", 2 * d, configuration.textSize ?? d),
        projection: try reader.linear(cross + "proj", d, d), normalisesQuery: true,
        norm: byScheme ? try reader.norm(name + "norm_cross", d) : nil)
    }
    return block
  }

  /// Positions of a grid, [grid.count, D].
  func positions(_ grid: Grid) throws -> Tensor {
    if let storedPositions, grid == configuration.nativeGrid { return storedPositions }
    return try sinCosPositions(size: configuration.hiddenSize, grid: grid, rule: configuration.positions)
  }
}

extension DiT: ConditioningSource {
  var conditioningShape: (hiddenSize: Int, depth: Int, chunks: Int) {
    (configuration.hiddenSize, configuration.depth, configuration.scheme.modulationChunks)
  }

  func conditioning(_ keys: [ConditioningKey]) throws -> ConditioningRows {
    let backend = trunk.backend
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
