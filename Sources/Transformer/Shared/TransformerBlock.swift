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
struct TransformerBlock {
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
  ) throws {
    let tokens = buffers.tokens
    let batch = x.shape[0] / tokens
    let width = shape.hiddenSize
    let normed = buffers.normed.slice(0, count: x.shape[0])
    let attended = buffers.attended.slice(0, count: x.shape[0])

    // Chunks of the modulation: shift, scale(, gate) of the attention, then of the MLP.
    let gated = modulation.map { $0.columns == 6 * width } ?? false
    func chunk(_ index: Int) -> Modulation? {
      modulation.map { Modulation($0, column: index * width, rowsPerGroup: tokens) }
    }

    try backend.layerNorm(
      x, eps: shape.normEps, weight: norm1?.weight, bias: norm1?.bias, shift: chunk(0), scale: chunk(1), into: normed)
    let fused = buffers.qkv.slice(0, count: x.shape[0])
    try backend.apply(qkv, to: normed, into: fused)  // [B·T, 3·D]
    let query = try Matrix(fused, from: 0, count: width)
    if let queryKeyNorm {
      for (norm, part) in [(queryKeyNorm.query, query), (queryKeyNorm.key, try Matrix(fused, from: width, count: width))] {
        try backend.layerNorm(part, eps: QueryKeyNorm.eps, weight: norm.weight, bias: norm.bias, into: part)
      }
    }
    let compressed = try compression?(fused, grid: buffers.grid, backend)  // [B·T', 2·D]
    try backend.attention(
      AttentionShape(
        batch: batch, heads: shape.heads, headSize: shape.headSize, queries: tokens,
        keys: compressed.map { $0.shape[0] / batch } ?? tokens),
      q: query, k: try Matrix(compressed ?? fused, from: compressed == nil ? width : 0, count: width),
      v: try Matrix(compressed ?? fused, from: compressed == nil ? 2 * width : width, count: width), into: attended)
    try backend.accumulate(projection, of: attended, gate: gated ? chunk(2) : nil, into: x)

    if let cross, let context {
      if cross.normalisesQuery {
        try backend.layerNorm(x, eps: shape.normEps, weight: cross.norm?.weight, bias: cross.norm?.bias, into: normed)
      } else {
        try backend.activate(.none, x, into: normed)
      }
      let query = buffers.query.slice(0, count: x.shape[0])
      try backend.apply(cross.query, to: normed, into: query)  // [B·T, D]
      try backend.attention(
        AttentionShape(
          batch: batch, heads: shape.heads, headSize: shape.headSize, queries: tokens, keys: context.length),
        q: query, k: try Matrix(context.keyValue, from: 0, count: width),
        v: try Matrix(context.keyValue, from: width, count: width),
        reading: AttentionKeys(item: context.items, count: context.counts), probabilities: attention, into: attended)
      try backend.accumulate(cross.projection, of: attended, into: x)
    }

    try backend.layerNorm(
      x, eps: shape.mlpNormEps, weight: norm2?.weight, bias: norm2?.bias, shift: chunk(gated ? 3 : 2),
      scale: chunk(gated ? 4 : 3), into: normed)
    let hidden = buffers.hidden.slice(0, count: x.shape[0])
    try backend.apply(expand, to: normed, activation: shape.activation, into: hidden)  // [B·T, mlp]
    try backend.accumulate(contract, of: hidden, gate: gated ? chunk(5) : nil, into: x)
  }
}
