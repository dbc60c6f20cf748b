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
  /// Of queries and keys behind their linears (SANA-1.5 and -Sprint).
  var queryKeyNorm: QueryKeyNorm?
  /// Nil: as many as in self-attention.
  var heads: Int?
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

/// Norms of queries and keys over all D channels, before these are split into heads.
struct QueryKeyNorm {
  enum Norm {
    /// PixArt-Σ's.
    case layer(AffineNorm)
    /// SANA's, [D].
    case rms(Tensor)

    /// In place.
    func callAsFunction(_ rows: Matrix, _ backend: Backend) throws {
      switch self {
      case .layer(let norm):
        try backend.layerNorm(rows, eps: QueryKeyNorm.eps, weight: norm.weight, bias: norm.bias, into: rows)
      case .rms(let weight): try backend.rmsNorm(rows, weight: weight, eps: QueryKeyNorm.eps, into: rows)
      }
    }
  }

  let query, key: Norm
  /// LayerNorm's default in PyTorch, and what diffusers takes for RMS norms.
  static let eps: Float = 1e-5
}

/// One transformer block; what a model does not have is nil.
///
///     x += gate₁ · selfAttention(LN(x) · (1 + scale₁) + shift₁)
///     x += crossAttention(LN(x), context)
///     x += gate₂ · MLP(LN(x) · (1 + scale₂) + shift₂)
///
/// SANA's self-attention is linear, and between both linears of its MLP neighbours are mixed and gated ("Mix-FFN").
struct TransformerBlock {
  var norm1, norm2: AffineNorm?
  let qkv: Linear  // [3·D, D]
  let projection: Linear  // [D, D]
  var queryKeyNorm: QueryKeyNorm?
  var compression: KeyValueCompression?
  /// Keeps a query without an answer from a division by zero (``Backend/linearAttention(heads:tokens:eps:q:k:v:into:)``); nil:
  /// softmax.
  var linearEps: Float?
  var cross: CrossAttention?
  let expand: Linear  // fc1: [mlp, D]
  let contract: Linear  // fc2: [D, mlp], or [D, mlp/2] behind gates
  /// Of mlp channels, the second half of which gates the first.
  var mixing: DepthwiseConvolution?

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
    try queryKeyNorm?.query(query, backend)
    try queryKeyNorm?.key(Matrix(fused, from: width, count: width), backend)
    let compressed = try compression?(fused, grid: buffers.grid, backend)  // [B·T', 2·D]
    let key = try Matrix(compressed ?? fused, from: compressed == nil ? width : 0, count: width)
    let value = try Matrix(compressed ?? fused, from: compressed == nil ? 2 * width : width, count: width)
    if let linearEps {
      try backend.linearAttention(heads: shape.heads, tokens: tokens, eps: linearEps, q: query, k: key, v: value, into: attended)
    } else {
      try backend.attention(
        AttentionShape(
          batch: batch, heads: shape.heads, headSize: shape.headSize, queries: tokens,
          keys: compressed.map { $0.shape[0] / batch } ?? tokens),
        q: query, k: key, v: value, into: attended)
    }
    try backend.accumulate(projection, of: attended, gate: gated ? chunk(2) : nil, into: x)

    if let cross, let context {
      if cross.normalisesQuery {
        try backend.layerNorm(x, eps: shape.normEps, weight: cross.norm?.weight, bias: cross.norm?.bias, into: normed)
      } else {
        try backend.activate(.none, x, into: normed)
      }
      let query = buffers.query.slice(0, count: x.shape[0])
      try backend.apply(cross.query, to: normed, into: query)  // [B·T, D]
      try cross.queryKeyNorm?.query(query.matrix, backend)
      let heads = cross.heads ?? shape.heads
      try backend.attention(
        AttentionShape(batch: batch, heads: heads, headSize: width / heads, queries: tokens, keys: context.length),
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
    var inner = hidden
    if let mixing {
      inner = buffers.mixed.slice(0, count: x.shape[0])
      try backend.convolve(
        mixing, hidden, height: buffers.grid.height, width: buffers.grid.width, activation: .silu, gated: true, into: inner)
    }
    try backend.accumulate(contract, of: inner, gate: gated ? chunk(5) : nil, into: x)
  }
}
