import DiTCheckpoints
import DiTTensors

/// The encoder of T5 (Raffel et al. 2020, arXiv 1910.10683) in both forms, v1.0 and v1.1, of any size.
///
/// Pre-norm residual blocks with RMS norms and no biases; scores are not divided by √d; one table of relative position
/// biases, stored in block 0, serves every block.
///
/// Blocks of an encoder that would take much memory are read from the file each time (``StreamedBlocks``).
///
/// `@unchecked Sendable`: all of it is constant, and where its parameters come from is only read.
package final class T5Encoder: TextEncoder, @unchecked Sendable {
  package let configuration: T5Configuration
  package var isStreamed: Bool { blocks.isStreamed }
  package var width: Int { configuration.width }
  package var vocabularySize: Int { configuration.vocabularySize }
  private let backend: Backend
  private let embedding: StoredMatrix  // [vocabulary, d], rows read as they are needed
  private let relativeBias: [Float]  // [buckets, heads]
  private let blocks: StreamedBlocks<T5Block>
  private let finalNorm: Tensor  // [d]

  /// Names of the one table of embeddings, of which files have one or both.
  static let embeddings = ["shared.weight", "encoder.embed_tokens.weight"]

  /// - Parameters:
  ///   - parameters: under Hugging Face's names.
  ///   - streamed: nil: if its blocks would take more than 2 GiB, or a quarter of the free memory.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: T5Configuration, _ parameters: Parameters, streamed: Bool? = nil) throws {
    self.configuration = configuration
    backend = parameters.backend
    let d = configuration.hiddenSize
    let shared = Self.embeddings.first(where: parameters.contains) ?? Self.embeddings[0]
    embedding = try parameters.stage("word pieces", .picture).table(shared, configuration.vocabularySize, d)
    relativeBias = try parameters.stage("self-attention", .picture).tensor(
      "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
      [configuration.buckets, configuration.heads], start: .table
    ).array
    blocks = try StreamedBlocks(configuration.layers, parameters, streamed: streamed) { try T5Block($0, configuration, $1) }
    finalNorm = try parameters.stage("feed-forward", .picture)
      .tensor("encoder.final_layer_norm.weight", [d], start: .gain)
  }

  /// Text states of one sequence of tokens.
  /// - Parameters:
  ///   - ids: token ids, end token included; ids outside the vocabulary count as the last row.
  ///   - mask: 1 for each token to be attended to; nil: all.
  ///   - probe: is shown the intermediate states.
  /// - Returns: [tokens, d] float32.
  /// - Throws: only where blocks are streamed and memory is short.
  package func encode(_ ids: [Int], mask: [UInt8]? = nil, probe: Probe? = nil) throws -> Tensor {
    let work = try T5Work(configuration, embedded(ids), mask: mask, bias: positionBias(ids.count), backend)
    try probe?(.textEmbedding, work.x)
    for index in 0..<configuration.layers {
      try blocks(index).run(on: work, backend, index: index, probe: probe)
    }
    try probe?(.textBlocks, work.x)
    return try finished(work)
  }

  /// Text states of several sequences; every block is read once for all of them.
  package func encode(_ texts: [[Int]], probe: Probe?) throws -> [Tensor] {
    let works = try texts.map { try T5Work(configuration, embedded($0), mask: nil, bias: positionBias($0.count), backend) }
    for index in 0..<configuration.layers {
      let block = try blocks(index)
      for work in works { try block.run(on: work, backend, index: index, probe: probe) }
    }
    return try works.map(finished)
  }

  private func embedded(_ ids: [Int]) throws -> Tensor {
    let x = try Tensor([ids.count, configuration.hiddenSize])
    x.withFloats { rows in
      guard let start = rows.baseAddress else { return }
      for (index, id) in ids.enumerated() {
        embedding.readRow(min(max(0, id), embedding.rows - 1), into: start + index * configuration.hiddenSize)
      }
    }
    return x
  }

  private func finished(_ work: T5Work) throws -> Tensor {
    let result = try Tensor(work.x.shape)
    try backend.rmsNorm(work.x, weight: finalNorm, eps: configuration.eps, into: result)
    return result
  }

  /// [heads, L, L]: the bias of each (query, key) pair.
  private func positionBias(_ count: Int) throws -> Tensor {
    let heads = configuration.heads
    let result = try Tensor([heads, count, count])
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
