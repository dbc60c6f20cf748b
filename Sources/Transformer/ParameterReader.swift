import DiTCheckpoints
import DiTTensors

/// Reads parameters under their official names from wherever a checkpoint keeps them.
struct ParameterReader {
  let checkpoint: Checkpoint
  let names: ParameterNames
  let backend: Backend

  func contains(_ name: String) -> Bool { names.stored(name).allSatisfy(checkpoint.contains) }

  func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
    let stored = names.stored(name)
    guard stored.count > 1 else { return try checkpoint.tensor(stored[0], shape: shape) }
    let part = [shape[0] / stored.count] + shape.dropFirst()
    return try Tensor.concatenated(try stored.map { try checkpoint.tensor($0, shape: part) })
  }

  func matrix(_ name: String, _ rows: Int, _ columns: Int) throws -> StoredMatrix {
    try checkpoint.matrix(names.stored(name)[0], rows: rows, columns: columns)
  }

  func linear(
    _ name: String, _ outputs: Int, _ inputs: Int, bias: Bool = true, precise: Bool = false
  ) throws -> Linear {
    try backend.linear(
      parts(name, outputs, inputs), bias: bias ? tensor(name + ".bias", [outputs]) : nil, precise: precise)
  }

  func linearsInTurn(_ layers: [String], _ outputs: Int, _ inputs: Int) throws -> LinearsInTurn {
    try backend.linearsInTurn(layers.map { (try parts($0, outputs, inputs), try tensor($0 + ".bias", [outputs])) })
  }

  /// A layer's weight: several matrices where the checkpoint keeps it in pieces.
  private func parts(_ name: String, _ outputs: Int, _ inputs: Int) throws -> [StoredMatrix] {
    let stored = names.stored(name + ".weight")
    return try stored.map { try checkpoint.matrix($0, rows: outputs / stored.count, columns: inputs) }
  }

  func norm(_ name: String, _ size: Int) throws -> AffineNorm {
    AffineNorm(weight: try tensor(name + ".weight", [size]), bias: try tensor(name + ".bias", [size]))
  }

  /// The layers at both ends are small and everything passes through them: they stay float32.
  func patchEmbedding(_ name: String, _ size: Int, channels: Int, patchSize: Int) throws -> Linear {
    try linear(name, size, channels * patchSize * patchSize, precise: true)
  }

  /// `pos_embed` [1, T, D], where the checkpoint has it.
  func positions(tokens: Int, _ size: Int) throws -> Tensor? {
    guard contains("pos_embed") else { return nil }
    return try tensor("pos_embed", [1, tokens, size]).reshaped([tokens, size])
  }

  /// Self-attention and MLP of a block.
  /// - Parameter affine: both norms have weight and bias.
  func block(_ name: String, _ shape: BlockShape, affine: Bool, qkvBias: Bool = true) throws -> DiTBlock {
    let d = shape.hiddenSize
    return DiTBlock(
      norm1: affine ? try norm(name + "norm1", d) : nil, norm2: affine ? try norm(name + "norm2", d) : nil,
      qkv: try linear(name + "attn.qkv", 3 * d, d, bias: qkvBias), projection: try linear(name + "attn.proj", d, d),
      expand: try linear(name + "mlp.fc1", shape.mlpSize, d), contract: try linear(name + "mlp.fc2", d, shape.mlpSize))
  }
}
