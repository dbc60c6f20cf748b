import CKernels
import Checkpoints
import Tensors

/// The encoder of T5 (Raffel et al. 2020, arXiv 1910.10683) in both forms, v1.0 and v1.1, of any size.
///
/// Pre-norm residual blocks with RMS norms and no biases; scores are not divided by √d; one table of relative position
/// biases, stored in block 0, serves every block.
public final class T5Encoder: @unchecked Sendable {
  public let configuration: T5Configuration
  private let backend: Backend
  private let embedding: StoredMatrix  // [vocabulary, d], rows read as they are needed
  private let relativeBias: [Float]  // [buckets, heads]
  private let blocks: [Block]
  private let finalNorm: Tensor  // [d]

  private struct Block {
    let attentionNorm, feedForwardNorm: Tensor  // [d]
    let qkv, output: Linear  // [3·heads·d_kv, d], [d, heads·d_kv]
    let gate: Linear  // wi_0 or wi: [d_ff, d]
    let up: Linear?  // wi_1: [d_ff, d]
    let down: Linear  // wo: [d, d_ff]
  }

  /// - Parameter checkpoint: tensors under Hugging Face's names.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  public init(_ configuration: T5Configuration, checkpoint: Checkpoint, backend: Backend) throws {
    self.configuration = configuration
    self.backend = backend
    let d = configuration.hiddenSize
    let inner = configuration.heads * configuration.headSize
    let shared = ["shared.weight", "encoder.embed_tokens.weight"].first(where: checkpoint.contains) ?? "shared.weight"
    embedding = try checkpoint.matrix(shared, rows: configuration.vocabularySize, columns: d)
    relativeBias = try checkpoint.tensor(
      "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
      shape: [configuration.buckets, configuration.heads]
    ).array
    finalNorm = try checkpoint.tensor("encoder.final_layer_norm.weight", shape: [d])
    blocks = try (0..<configuration.layers).map { index in
      let attention = "encoder.block.\(index).layer.0."
      let feedForward = "encoder.block.\(index).layer.1."
      func linear(_ names: [String], _ rows: Int, _ columns: Int) throws -> Linear {
        try backend.linear(names.map { try checkpoint.matrix($0 + ".weight", rows: rows, columns: columns) })
      }
      let dense = feedForward + "DenseReluDense."
      let gated = configuration.feedForward == .gatedGELU
      return Block(
        attentionNorm: try checkpoint.tensor(attention + "layer_norm.weight", shape: [d]),
        feedForwardNorm: try checkpoint.tensor(feedForward + "layer_norm.weight", shape: [d]),
        qkv: try linear(["q", "k", "v"].map { attention + "SelfAttention." + $0 }, inner, d),
        output: try linear([attention + "SelfAttention.o"], d, inner),
        gate: try linear([dense + (gated ? "wi_0" : "wi")], configuration.feedForwardSize, d),
        up: gated ? try linear([dense + "wi_1"], configuration.feedForwardSize, d) : nil,
        down: try linear([dense + "wo"], d, configuration.feedForwardSize))
    }
  }

  /// Text states of one sequence of tokens.
  /// - Parameters:
  ///   - ids: token ids, end token included; ids outside the vocabulary count as the last row.
  ///   - mask: 1 for each token to be attended to; nil: all.
  ///   - observe: is shown the intermediate states by name.
  /// - Returns: [tokens, d] float32.
  public func encode(_ ids: [Int], mask: [UInt8]? = nil, observe: Observer? = nil) -> Tensor {
    let count = ids.count
    let d = configuration.hiddenSize
    let inner = configuration.heads * configuration.headSize
    let type = backend.activationType
    let x = Tensor([count, d])
    x.withFloats { rows in
      guard let start = rows.baseAddress else { return }
      for (index, id) in ids.enumerated() {
        embedding.readRow(min(max(0, id), embedding.rows - 1), into: start + index * d)
      }
    }
    observe?("embed", x)
    let bias = positionBias(count)  // [heads, L, L]
    let normed = Tensor([count, d], type: type)
    let qkv = Tensor([count, 3 * inner], type: type)
    let attended = Tensor([count, inner], type: type)
    let hidden = Tensor([count, configuration.feedForwardSize], type: type)
    let up = Tensor([count, configuration.feedForwardSize], type: type)

    for (index, block) in blocks.enumerated() {
      backend.rmsNorm(x, weight: block.attentionNorm, eps: configuration.eps, into: normed)
      backend.apply(block.qkv, to: normed, into: qkv)  // [L, 3·inner]
      backend.attention(
        batch: 1, heads: configuration.heads, headSize: configuration.headSize, queries: count, keys: count, scale: 1,
        q: Columns(qkv), k: Columns(qkv, from: inner), v: Columns(qkv, from: 2 * inner), keyMask: mask, bias: bias,
        into: attended)
      backend.accumulate(block.output, of: attended, into: x)  // [L, d]
      if index == 0 { observe?("block0_after_attention", x) }
      backend.rmsNorm(x, weight: block.feedForwardNorm, eps: configuration.eps, into: normed)
      if let gateUp = block.up {
        backend.apply(block.gate, to: normed, into: hidden)  // [L, d_ff]
        backend.apply(gateUp, to: normed, into: up)
        backend.activate(DK_ACT_GELU_TANH, hidden, times: up, into: hidden)
      } else {
        backend.apply(block.gate, to: normed, activation: DK_ACT_RELU, into: hidden)
      }
      backend.accumulate(block.down, of: hidden, into: x)  // [L, d]
      if index == 0 { observe?("block0", x) }
    }
    observe?("before_final_norm", x)
    let result = Tensor([count, d])
    backend.rmsNorm(x, weight: finalNorm, eps: configuration.eps, into: result)
    return result
  }

  /// [heads, L, L]: the bias of each (query, key) pair.
  private func positionBias(_ count: Int) -> Tensor {
    let heads = configuration.heads
    let result = Tensor([heads, count, count])
    let byDistance = (1 - count..<count).map {
      relativePositionBucket($0, buckets: configuration.buckets, maxDistance: configuration.maxDistance)
    }
    result.withFloats { bias in
      for head in 0..<heads {
        for query in 0..<count {
          for key in 0..<count {
            bias[(head * count + query) * count + key] = relativeBias[byDistance[key - query + count - 1] * heads + head]
          }
        }
      }
    }
    return result
  }
}
