import DiTCheckpoints
import DiTTensors

/// One layer of a Gemma 2: attention and feed-forward, each between two norms.
///
/// States and what is made of them stay in float32 whatever the backend computes in: weights are by far the most that a layer
/// moves, and rounding once before each product costs half of what rounding everything between them does. As pixels they are
/// never multiplied in eight bits: a few of Gemma's numbers are far larger than the others.
struct Gemma2Layer {
  private let configuration: Gemma2Configuration
  private let attentionNorm, attendedNorm, feedForwardNorm, fedNorm: Tensor  // [d], 1 + what the file has
  private let query, key, value, output: Linear  // [heads · h, d], [keyHeads · h, d] twice, [d, heads · h]
  private let gate, up, down: Linear  // [f, d], [f, d], [d, f]

  /// - Parameter parameters: the whole model's, under the names of Hugging Face's `Gemma2Model`.
  init(_ index: Int, _ configuration: Gemma2Configuration, _ parameters: Parameters) throws {
    self.configuration = configuration
    let (d, wide) = (configuration.hiddenSize, configuration.feedForwardSize)
    let (inner, keys) = (configuration.heads * configuration.headSize, configuration.keyHeads * configuration.headSize)
    let attention = parameters.scoped("layers.\(index).").stage("self-attention", .picture)
    attentionNorm = try attention.offsetNorm("input_layernorm.weight", d)
    // In float32 whatever the precision: what is off in them is off in an exponent.
    query = try attention.linear("self_attn.q_proj", inner, d, on: .text, bias: false, precise: true)
    key = try attention.linear("self_attn.k_proj", keys, d, on: .text, bias: false, precise: true)
    value = try attention.pointwise(["self_attn.v_proj"], keys, d, on: .text, bias: false)
    attention.attention(inner, queries: .text, keys: .text)
    output = try attention.pointwise(["self_attn.o_proj"], d, inner, on: .text, bias: false)
    attendedNorm = try attention.offsetNorm("post_attention_layernorm.weight", d)

    let feedForward = parameters.scoped("layers.\(index).").stage("feed-forward", .picture)
    feedForwardNorm = try feedForward.offsetNorm("pre_feedforward_layernorm.weight", d)
    gate = try feedForward.pointwise(["mlp.gate_proj"], wide, d, on: .text, bias: false)
    up = try feedForward.pointwise(["mlp.up_proj"], wide, d, on: .text, bias: false)
    down = try feedForward.pointwise(["mlp.down_proj"], d, wide, on: .text, bias: false)
    fedNorm = try feedForward.offsetNorm("post_feedforward_layernorm.weight", d)
  }

  /// Advances the states of one text.
  /// - Parameters:
  ///   - index: the layer's.
  ///   - before: what the tokens before this text left in this layer.
  /// - Returns: the keys and values of the text's own tokens.
  func run(
    on work: Gemma2Work, _ backend: Backend, index: Int, before: Gemma2KeyValues?, probe: Probe?
  ) throws -> Gemma2KeyValues {
    let (count, head) = (work.x.rows, configuration.headSize)
    let keyColumns = configuration.keyHeads * head
    try backend.rmsNorm(work.x, weight: attentionNorm, eps: configuration.eps, into: work.normed)
    try backend.apply(query, to: work.normed, into: work.query)
    work.rotary.turn(work.query)
    let first = before?.keys.rows ?? 0
    let all = try Gemma2KeyValues(rows: first + count, columns: keyColumns)
    if let before {
      try before.keys.copy(into: all.keys.slice(0, count: first))
      try before.values.copy(into: all.values.slice(0, count: first))
    }
    let own = all.slice(first, count: count)
    try backend.apply(key, to: work.normed, into: own.keys)
    work.rotary.turn(own.keys)
    try backend.apply(value, to: work.normed, into: own.values)
    let shape = AttentionShape(
      batch: 1, heads: 1, headSize: head, queries: count, keys: first + count, scale: 1 / configuration.queryScalar.squareRoot(),
      cap: configuration.cap)
    // Neighbouring heads of queries share keys and values.
    let share = configuration.heads / configuration.keyHeads
    let bias = try work.bias(window: configuration.windows[index])
    for place in 0..<configuration.heads {
      let key = place / share * head
      try backend.attention(
        shape, q: Matrix(work.query, from: place * head, count: head), k: Matrix(all.keys, from: key, count: head),
        v: Matrix(all.values, from: key, count: head), bias: bias, into: Matrix(work.attended, from: place * head, count: head))
    }
    try backend.apply(output, to: work.attended, into: work.made)  // [L, d]
    try probe?(.layerAttention(index), work.made)
    try backend.rmsNorm(work.made, weight: attendedNorm, eps: configuration.eps, into: work.made)
    try backend.add(work.x, work.made, into: work.x)
    try backend.rmsNorm(work.x, weight: feedForwardNorm, eps: configuration.eps, into: work.normed)
    try backend.apply(gate, to: work.normed, into: work.hidden)  // [L, f]
    try backend.apply(up, to: work.normed, into: work.up)
    try backend.activate(configuration.activation, work.hidden, times: work.up, into: work.hidden)
    try backend.apply(down, to: work.hidden, into: work.made)
    try probe?(.layerFeedForward(index), work.made)
    try backend.rmsNorm(work.made, weight: fedNorm, eps: configuration.eps, into: work.made)
    try backend.add(work.x, work.made, into: work.x)
    try probe?(.layer(index), work.x)
    return own
  }
}
