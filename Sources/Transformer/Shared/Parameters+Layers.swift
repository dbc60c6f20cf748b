import DiTCheckpoints
import DiTTensors

/// The layers that transformers of patches are declared with.
extension Parameters {
  func norm(_ name: String, _ size: Int) throws -> AffineNorm {
    AffineNorm(
      weight: try tensor(name + ".weight", [size], start: .gain), bias: try tensor(name + ".bias", [size], start: .bias))
  }

  /// A small layer that everything passes through: it stays float32.
  func precise(_ name: String, _ outputs: Int, _ inputs: Int, on rows: Rows = .one) throws -> Linear {
    try linear(name, outputs, inputs, on: rows, precise: true)
  }

  /// The convolution of patches, as a linear layer.
  func patchEmbedding(_ name: String, _ size: Int, channels: Int, patchSize p: Int) throws -> Linear {
    try linear(name, size, channels * p * p, on: .patches, shape: [size, channels, p, p], precise: true)
  }

  /// A block.
  /// - Parameters:
  ///   - tokens: rows of its sequence.
  ///   - affine: both norms have weight and bias.
  ///   - keys: rows that attention looks at, where they are fewer than its own.
  ///   - cross: declares what lies between attention and MLP.
  func block(
    _ name: String, _ shape: BlockShape, on tokens: Rows, affine: Bool, qkvBias: Bool = true, keys: Rows? = nil,
    cross: (Parameters) throws -> CrossAttention? = { _ in nil }
  ) throws -> TransformerBlock {
    let d = shape.hiddenSize
    let attention = scoped(name).stage("self-attention")
    let mlp = scoped(name).stage("MLP")
    let norm1 = affine ? try attention.norm("norm1", d) : nil
    let qkv = try attention.linear("attn.qkv", 3 * d, d, on: tokens, bias: qkvBias)
    attention.attention(d, queries: tokens, keys: keys ?? tokens)
    let projection = try attention.linear("attn.proj", d, d, on: tokens)
    let crossed = try cross(scoped(name))
    return TransformerBlock(
      norm1: norm1, norm2: affine ? try mlp.norm("norm2", d) : nil, qkv: qkv, projection: projection, cross: crossed,
      expand: try mlp.linear("mlp.fc1", shape.mlpSize, d, on: tokens),
      contract: try mlp.linear("mlp.fc2", d, shape.mlpSize, on: tokens))
  }
}
