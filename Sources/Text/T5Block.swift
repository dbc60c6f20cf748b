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

  init(_ index: Int, _ configuration: T5Configuration, _ checkpoint: Checkpoint, _ backend: Backend) throws {
    self.configuration = configuration
    let d = configuration.hiddenSize
    let inner = configuration.heads * configuration.headSize
    let names = Names(index, configuration)
    func linear(_ names: [String], _ rows: Int, _ columns: Int) throws -> Linear {
      try backend.linear(names.map { try checkpoint.matrix($0, rows: rows, columns: columns) })
    }
    attentionNorm = try checkpoint.tensor(names.attentionNorm, shape: [d])
    feedForwardNorm = try checkpoint.tensor(names.feedForwardNorm, shape: [d])
    qkv = try linear(names.qkv, inner, d)
    output = try linear([names.output], d, inner)
    gate = try linear([names.gate], configuration.feedForwardSize, d)
    up = try names.up.map { try linear([$0], configuration.feedForwardSize, d) }
    down = try linear([names.down], d, configuration.feedForwardSize)
  }

  /// Checks that all tensors of a block are there and of the right shape, without reading their numbers.
  static func check(_ index: Int, _ configuration: T5Configuration, _ checkpoint: Checkpoint) throws {
    let (d, wide) = (configuration.hiddenSize, configuration.feedForwardSize)
    let inner = configuration.heads * configuration.headSize
    let names = Names(index, configuration)
    for name in [names.attentionNorm, names.feedForwardNorm] { _ = try checkpoint.matrix(name, rows: d, columns: 1) }
    for name in names.qkv { _ = try checkpoint.matrix(name, rows: inner, columns: d) }
    for name in [names.gate] + (names.up.map { [$0] } ?? []) { _ = try checkpoint.matrix(name, rows: wide, columns: d) }
    _ = try checkpoint.matrix(names.output, rows: d, columns: inner)
    _ = try checkpoint.matrix(names.down, rows: d, columns: wide)
  }

  /// Hugging Face's names of a block's tensors.
  private struct Names {
    let attentionNorm, feedForwardNorm, output, gate, down: String
    let qkv: [String]
    let up: String?

    init(_ index: Int, _ configuration: T5Configuration) {
      let attention = "encoder.block.\(index).layer.0."
      let feedForward = "encoder.block.\(index).layer.1."
      let gated = configuration.feedForward == .gatedGELU
      attentionNorm = attention + "layer_norm.weight"
      feedForwardNorm = feedForward + "layer_norm.weight"
      qkv = ["q", "k", "v"].map { "\(attention)SelfAttention.\($0).weight" }
      output = attention + "SelfAttention.o.weight"
      gate = feedForward + "DenseReluDense." + (gated ? "wi_0.weight" : "wi.weight")
      up = gated ? feedForward + "DenseReluDense.wi_1.weight" : nil
      down = feedForward + "DenseReluDense.wo.weight"
    }
  }

  /// Advances the states of one text.
  func run(on work: T5Work, _ backend: Backend, observe: Observer?) throws {
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
    try observe?("block0_after_attention", work.x)
    try backend.rmsNorm(work.x, weight: feedForwardNorm, eps: configuration.eps, into: work.normed)
    if let up {
      try backend.apply(gate, to: work.normed, into: work.hidden)  // [L, d_ff]
      try backend.apply(up, to: work.normed, into: work.up)
      try backend.activate(.geluTanh, work.hidden, times: work.up, into: work.hidden)
    } else {
      try backend.apply(gate, to: work.normed, activation: .relu, into: work.hidden)
    }
    try backend.accumulate(down, of: work.hidden, into: work.x)  // [L, d]
    try observe?("block0", work.x)
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

extension T5Configuration {
  /// Bytes of one packed block.
  func blockBytes(_ backend: Backend) -> Int {
    let inner = heads * headSize
    let count = 4 * inner * hiddenSize + (feedForward == .gatedGELU ? 3 : 2) * feedForwardSize * hiddenSize
    return switch backend.precision {
    case .auto, .f32: 4 * count
    case .bf16: 2 * count
    case .int8: count
    }
  }
}
