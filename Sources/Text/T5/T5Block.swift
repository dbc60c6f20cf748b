import DiTCheckpoints
import DiTTensors

/// One block of a T5 encoder.
struct T5Block {
  private let configuration: T5Configuration
  private let attentionNorm, feedForwardNorm: Tensor  // [d]
  private let qkv, output: Linear  // [3·inner, d], [d, inner]; inner = heads · d_kv
  private let gate: Linear  // wi_0 or wi: [d_ff, d]
  private let up: Linear?  // wi_1: [d_ff, d]
  private let down: Linear  // wo: [d, d_ff]

  /// - Parameter parameters: the whole encoder's, under Hugging Face's names.
  init(_ index: Int, _ configuration: T5Configuration, _ parameters: Parameters) throws {
    self.configuration = configuration
    let (d, wide) = (configuration.hiddenSize, configuration.feedForwardSize)
    let inner = configuration.heads * configuration.headSize
    let attention = parameters.scoped("encoder.block.\(index).layer.0.").stage("self-attention", .picture)
    attentionNorm = try attention.tensor("layer_norm.weight", [d], start: .gain)
    // Scores are not divided by the root of the head size: queries begin that much smaller.
    qkv = try attention.linear(
      ["q", "k", "v"].map { "SelfAttention." + $0 }, inner, d, on: .text, bias: false,
      starts: [.unitGain(times: 0.2), .unitGain(), .unitGain()])
    attention.attention(inner, queries: .text, keys: .text)
    output = try attention.linear("SelfAttention.o", d, inner, on: .text, bias: false)

    let feedForward = parameters.scoped("encoder.block.\(index).layer.1.").stage("feed-forward", .picture)
    let isGated = configuration.feedForward == .gatedGELU
    feedForwardNorm = try feedForward.tensor("layer_norm.weight", [d], start: .gain)
    gate = try feedForward.linear("DenseReluDense." + (isGated ? "wi_0" : "wi"), wide, d, on: .text, bias: false)
    up = isGated ? try feedForward.linear("DenseReluDense.wi_1", wide, d, on: .text, bias: false) : nil
    down = try feedForward.linear("DenseReluDense.wo", d, wide, on: .text, bias: false)
  }

  /// Advances the states of one text; `index` is the block's, for the probe.
  func run(on work: T5Work, _ backend: Backend, index: Int, probe: Probe?) throws {
    let inner = configuration.heads * configuration.headSize
    let count = work.x.shape[0]
    try backend.rmsNorm(work.x, weight: attentionNorm, eps: configuration.eps, into: work.normed)
    try backend.apply(qkv, to: work.normed, into: work.qkv)  // [L, 3·inner]
    try backend.attention(
      AttentionShape(
        batch: 1, heads: configuration.heads, headSize: configuration.headSize, queries: count, keys: count, scale: 1),
      q: Matrix(work.qkv, from: 0, count: inner), k: Matrix(work.qkv, from: inner, count: inner),
      v: Matrix(work.qkv, from: 2 * inner, count: inner), reading: AttentionKeys(mask: work.mask), bias: work.bias,
      into: work.attended)
    try backend.accumulate(output, of: work.attended, into: work.x)  // [L, d]
    try probe?(.textAttention(index), work.x)
    try backend.rmsNorm(work.x, weight: feedForwardNorm, eps: configuration.eps, into: work.normed)
    if let up {
      try backend.apply(gate, to: work.normed, into: work.hidden)  // [L, d_ff]
      try backend.apply(up, to: work.normed, into: work.up)
      try backend.activate(.geluTanh, work.hidden, times: work.up, into: work.hidden)
    } else {
      try backend.apply(gate, to: work.normed, activation: .relu, into: work.hidden)
    }
    try backend.accumulate(down, of: work.hidden, into: work.x)  // [L, d]
    try probe?(.textBlock(index), work.x)
  }
}

/// One text on its way through the blocks.
struct T5Work {
  let x: Tensor  // [L, d]
  let mask: [UInt8]?
  let bias: Tensor  // [heads, L, L]
  let normed, qkv, attended, hidden, up: Tensor

  init(_ configuration: T5Configuration, _ x: Tensor, mask: [UInt8]?, bias: Tensor, _ backend: Backend) throws {
    self.x = x
    self.mask = mask
    self.bias = bias
    let inner = configuration.heads * configuration.headSize
    let make = { (columns: Int) in try Tensor([x.shape[0], columns], type: backend.activationType) }
    normed = try make(configuration.hiddenSize)
    qkv = try make(3 * inner)
    attended = try make(inner)
    hidden = try make(configuration.feedForwardSize)
    up = try make(configuration.feedForwardSize)
  }
}
