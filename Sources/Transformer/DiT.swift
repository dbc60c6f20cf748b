import CKernels
import Checkpoints
import Tensors

/// A Diffusion Transformer (Peebles and Xie, arXiv 2212.09748): patches in, noise and variance logits out.
///
/// One type runs every member of the family: each conditioning scheme, class-conditional or with cross-attention to text
/// (as PixArt-α places it, arXiv 2310.00426). ``DiTRun`` does the work for one set of pictures.
public final class DiT: @unchecked Sendable {
  public let configuration: DiTConfiguration
  let backend: Backend
  let patchEmbedding: Linear  // [D, C·p·p]
  let timestepIn, timestepOut: Linear  // [D, 256], [D, D]
  let classTable: StoredMatrix  // [classes (+ null), D]
  let textNorm: Tensor?  // [text size]: RMS norm of the text states, once, before all blocks
  let storedPositions: Tensor?  // [T, D] of the native grid
  let blocks: [DiTBlock]
  let modulations: [Linear]  // per block [6·D or 4·D, D]
  let finalModulation: Linear?  // [2·D, D]
  let finalNorm: AffineNorm?
  let finalLinear: Linear  // [p·p·out, D]

  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  public init(
    _ configuration: DiTConfiguration, checkpoint: Checkpoint, names: DiTNames, backend: Backend
  ) throws {
    self.configuration = configuration
    self.backend = backend
    let reader = Reader(checkpoint: checkpoint, names: names, backend: backend)
    let d = configuration.hiddenSize
    let p = configuration.patchSize
    let adaptive = configuration.scheme.isAdaptive

    // The layers at both ends are small and everything passes through them: they stay float32.
    patchEmbedding = try reader.linear("x_embedder.proj", d, configuration.inChannels * p * p, precise: true)
    timestepIn = try reader.linear("t_embedder.mlp.0", d, 256, precise: true)
    timestepOut = try reader.linear("t_embedder.mlp.2", d, d, precise: true)
    classTable = try reader.matrix(
      "y_embedder.embedding_table.weight", configuration.classes + (configuration.hasNullClass ? 1 : 0), d)
    textNorm = try configuration.textSize.map { try reader.tensor("text_norm.weight", [$0]) }
    storedPositions = try reader.positions(configuration)
    blocks = try (0..<configuration.depth).map { try reader.block("blocks.\($0).", configuration) }
    modulations = try adaptive
      ? (0..<configuration.depth).map {
        try reader.linear("blocks.\($0).adaLN_modulation.1", configuration.scheme.modulationChunks * d, d)
      } : []
    finalModulation = adaptive ? try reader.linear("final_layer.adaLN_modulation.1", 2 * d, d) : nil
    finalNorm = adaptive ? nil : try reader.norm("final_layer.norm_final", d)
    finalLinear = try reader.linear("final_layer.linear", p * p * configuration.outChannels, d, precise: true)
    checkpoint.discardPages()
  }

  /// Positions of a grid, [grid.count, D].
  func positions(_ grid: Grid) -> Tensor {
    if let storedPositions, grid == configuration.nativeGrid { return storedPositions }
    return sinCosPositions(size: configuration.hiddenSize, grid: grid, rule: configuration.positions)
  }
}

/// Reads parameters under the official names from wherever a checkpoint keeps them.
private struct Reader {
  let checkpoint: Checkpoint
  let names: DiTNames
  let backend: Backend

  func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
    let stored = names.stored(name)
    guard stored.count > 1 else { return try checkpoint.tensor(stored[0], shape: shape) }
    let part = [shape[0] / stored.count] + shape.dropFirst()
    return Tensor.concatenated(try stored.map { try checkpoint.tensor($0, shape: part) })
  }

  func matrix(_ name: String, _ rows: Int, _ columns: Int) throws -> StoredMatrix {
    try checkpoint.matrix(names.stored(name)[0], rows: rows, columns: columns)
  }

  func linear(_ name: String, _ outputs: Int, _ inputs: Int, precise: Bool = false) throws -> Linear {
    let stored = names.stored(name + ".weight")
    let parts = try stored.map { try checkpoint.matrix($0, rows: outputs / stored.count, columns: inputs) }
    return try backend.linear(parts, bias: tensor(name + ".bias", [outputs]), precise: precise)
  }

  func norm(_ name: String, _ size: Int) throws -> AffineNorm {
    AffineNorm(weight: try tensor(name + ".weight", [size]), bias: try tensor(name + ".bias", [size]))
  }

  func positions(_ configuration: DiTConfiguration) throws -> Tensor? {
    guard let name = names.stored("pos_embed").first, checkpoint.contains(name) else { return nil }
    let grid = configuration.nativeGrid
    return try checkpoint.tensor(name, shape: [1, grid.count, configuration.hiddenSize])
      .reshaped([grid.count, configuration.hiddenSize])
  }

  func block(_ prefix: String, _ configuration: DiTConfiguration) throws -> DiTBlock {
    let d = configuration.hiddenSize
    let affine = { (name: String) in configuration.scheme.isAdaptive ? nil : try norm(prefix + name, d) }
    // A block is packed: the file's copy of it need not stay in memory beside the packed one.
    defer { checkpoint.discardPages() }
    return DiTBlock(
      norm1: try affine("norm1"), norm2: try affine("norm2"),
      qkv: try linear(prefix + "attn.qkv", 3 * d, d), projection: try linear(prefix + "attn.proj", d, d),
      cross: try cross(prefix, configuration),
      expand: try linear(prefix + "mlp.fc1", configuration.mlpSize, d),
      contract: try linear(prefix + "mlp.fc2", d, configuration.mlpSize))
  }

  /// Cross-attention to the text, or in the scheme of that name to (timestep, class).
  func cross(_ prefix: String, _ configuration: DiTConfiguration) throws -> CrossAttention? {
    let d = configuration.hiddenSize
    let byScheme = configuration.scheme == .crossAttention
    guard byScheme || configuration.textSize != nil else { return nil }
    let name = prefix + (byScheme ? "cross_attn." : "cross.")
    return CrossAttention(
      query: try linear(name + "q", d, d), keyValue: try linear(name + "kv", 2 * d, configuration.textSize ?? d),
      projection: try linear(name + "proj", d, d), normalisesQuery: true,
      norm: byScheme ? try norm(prefix + "norm_cross", d) : nil)
  }
}
