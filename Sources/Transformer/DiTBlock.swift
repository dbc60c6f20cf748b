import DiTCKernels
import DiTTensors

/// Weight and bias of a layer norm that has them.
struct AffineNorm {
  let weight: Tensor  // [D]
  let bias: Tensor  // [D]
}

/// Attention from the tokens to another sequence: the text, or (timestep, class).
struct CrossAttention {
  let query: Linear  // [D, D]
  let keyValue: Linear  // [2·D, context size]
  let projection: Linear  // [D, D]
  /// Layer norm on the queries' input; PixArt has none.
  let normalisesQuery: Bool
  let norm: AffineNorm?
}

/// Keys and values of one block for every context of a run: [items · length, 2·D].
struct Context {
  let keyValue: Tensor
  let length: Int
  /// For each item how many of its rows exist.
  let counts: [Int32]
  /// For each picture the item it reads.
  var items: [Int32]
}

/// Layer norms of queries and keys over all D channels, before these are split into heads (PixArt-Σ).
struct QueryKeyNorm {
  let query, key: AffineNorm
  /// LayerNorm's default in PyTorch.
  static let eps: Float = 1e-5
}

/// One transformer block; what a model does not have is nil.
///
///     x += gate₁ · selfAttention(LN(x) · (1 + scale₁) + shift₁)
///     x += crossAttention(LN(x), context)
///     x += gate₂ · MLP(LN(x) · (1 + scale₂) + shift₂)
struct DiTBlock {
  var norm1, norm2: AffineNorm?
  let qkv: Linear  // [3·D, D]
  let projection: Linear  // [D, D]
  var queryKeyNorm: QueryKeyNorm?
  var compression: KeyValueCompression?
  var cross: CrossAttention?
  let expand: Linear  // fc1: [mlp, D]
  let contract: Linear  // fc2: [D, mlp]

  /// Advances `x` [batch · tokens, D] in place.
  /// - Parameters:
  ///   - modulation: [batch, 6·D or 4·D], or nil in the schemes without.
  ///   - attention: where the mean attention to the context is added, [batch, tokens, context length].
  func callAsFunction(
    _ x: Tensor, _ shape: BlockShape, _ backend: Backend, _ buffers: Buffers, modulation: Tensor? = nil,
    context: Context? = nil, attention: Tensor? = nil
  ) {
    let tokens = buffers.tokens
    let batch = x.shape[0] / tokens
    let (width, heads, headSize) = (shape.hiddenSize, shape.heads, shape.headSize)
    let scale = 1 / Float(headSize).squareRoot()
    let normed = buffers.normed.slice(0, count: x.shape[0])
    let attended = buffers.attended.slice(0, count: x.shape[0])

    // Chunks of the modulation: shift, scale(, gate) of the attention, then of the MLP.
    let gated = modulation.map { $0.columns == 6 * width } ?? false
    func chunk(_ index: Int) -> Modulation? {
      modulation.map { Modulation($0, column: index * width, rowsPerGroup: tokens) }
    }

    backend.layerNorm(
      x, eps: shape.normEps, weight: norm1?.weight, bias: norm1?.bias, shift: chunk(0), scale: chunk(1), into: normed)
    let fused = buffers.qkv.slice(0, count: x.shape[0])
    backend.apply(qkv, to: normed, into: fused)  // [B·T, 3·D]
    if let queryKeyNorm {
      for (norm, start) in [(queryKeyNorm.query, 0), (queryKeyNorm.key, width)] {
        let part = Columns(fused, from: start)
        backend.layerNorm(
          part, columns: width, eps: QueryKeyNorm.eps, weight: norm.weight, bias: norm.bias, into: part)
      }
    }
    let compressed = compression.map { $0(fused, grid: buffers.grid, backend) }  // [B·T', 2·D]
    backend.attention(
      batch: batch, heads: heads, headSize: headSize, queries: tokens,
      keys: compressed.map { $0.shape[0] / batch } ?? tokens, scale: scale, q: Columns(fused),
      k: compressed.map { Columns($0) } ?? Columns(fused, from: width),
      v: compressed.map { Columns($0, from: width) } ?? Columns(fused, from: 2 * width), into: attended)
    backend.accumulate(projection, of: attended, gate: gated ? chunk(2) : nil, into: x)

    if let cross, let context {
      if cross.normalisesQuery {
        backend.layerNorm(x, eps: shape.normEps, weight: cross.norm?.weight, bias: cross.norm?.bias, into: normed)
      } else {
        backend.activate(DK_ACT_NONE, x, into: normed)
      }
      let query = buffers.query.slice(0, count: x.shape[0])
      backend.apply(cross.query, to: normed, into: query)  // [B·T, D]
      backend.attention(
        batch: batch, heads: heads, headSize: headSize, queries: tokens, keys: context.length, scale: scale,
        q: Columns(query), k: Columns(context.keyValue), v: Columns(context.keyValue, from: width),
        keyItem: context.items, keyCount: context.counts, probabilities: attention, into: attended)
      backend.accumulate(cross.projection, of: attended, into: x)
    }

    backend.layerNorm(
      x, eps: shape.mlpNormEps, weight: norm2?.weight, bias: norm2?.bias, shift: chunk(gated ? 3 : 2),
      scale: chunk(gated ? 4 : 3), into: normed)
    let hidden = buffers.hidden.slice(0, count: x.shape[0])
    backend.apply(expand, to: normed, activation: shape.activation, into: hidden)  // [B·T, mlp]
    backend.accumulate(contract, of: hidden, gate: gated ? chunk(5) : nil, into: x)
  }
}
