import DiTCheckpoints
import DiTTensors

/// What a CLIP text encoder makes of one text.
package struct CLIPTextStates {
  /// After the last block and its norm, [tokens, d]: what Stable Diffusion 1, U-ViT and UniDiffuser read.
  package let hidden: Tensor
  /// Before the last block, without a norm: what SDXL reads, and with ``CLIPTextEncoder/normed(_:)`` Stable Diffusion 2.
  package let penultimate: Tensor
  /// Of the whole text, [1, d]: the state of its end token.
  package let pooled: Tensor
  /// The pooled state in the space that texts and pictures share, [1, E]; nil where the file has no projection.
  package let embedding: Tensor?
}

/// The text encoder of CLIP (Radford et al. 2021, arXiv 2103.00020): pre-norm blocks in which a token sees itself and those
/// before it.
///
/// `@unchecked Sendable`: all of it is constant.
package final class CLIPTextEncoder: TextEncoder, @unchecked Sendable {
  package let configuration: CLIPTextConfiguration
  package var width: Int { configuration.width }
  package var vocabularySize: Int { configuration.vocabularySize }
  private let backend: Backend
  private let embedding: StoredMatrix  // [vocabulary, d], rows read as they are needed
  private let positions: Tensor  // [positions, d]
  private let blocks: [CLIPBlock]
  private let finalNorm: CLIPNorm
  private let projection: Linear?  // [E, d]

  /// - Parameter parameters: under OpenAI's names.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: CLIPTextConfiguration, _ parameters: Parameters) throws {
    self.configuration = configuration
    backend = parameters.backend
    let d = configuration.width
    let words = parameters.stage("word pieces", .picture)
    embedding = try words.table("token_embedding.weight", configuration.vocabularySize, d)
    positions = try words.tensor("positional_embedding", [configuration.positions, d], start: .table)
    blocks = try (0..<configuration.layers).map {
      try CLIPBlock(configuration.shape, parameters.scoped("transformer.resblocks.\($0)."), on: .text)
    }
    finalNorm = try CLIPNorm("ln_final", d, parameters.stage("feed-forward", .picture))
    projection = try clipProjection(
      "text_projection", transposed: "text_projection", configuration.projectionSize, d, parameters)
  }

  package func encode(_ texts: [[Int]], probe: Probe?) throws -> [Tensor] {
    try texts.map { try states(of: $0, probe: probe).hidden }
  }

  /// - Parameters:
  ///   - ids: at most as many as the encoder has positions; ids outside the vocabulary count as the last row.
  ///   - mask: 1 for each token to be seen; nil: all.
  ///   - probe: is shown the intermediate states.
  /// - Throws: where memory is short.
  package func states(of ids: [Int], mask: [UInt8]? = nil, probe: Probe? = nil) throws -> CLIPTextStates {
    guard ids.count <= configuration.positions else {
      throw BackendError.shape("\(ids.count) tokens for \(configuration.positions) places")
    }
    let work = try CLIPWork(configuration.shape, embedded(ids), mask: mask, bias: causal(ids.count), backend)
    try probe?(.textEmbedding, work.x)
    var penultimate = work.x
    for (index, block) in blocks.enumerated() {
      if index == blocks.count - 1 { penultimate = try work.x.copy() }
      try block.run(on: work, backend)
      try probe?(.textBlock(index), work.x)
    }
    try probe?(.textBlocks, work.x)
    let hidden = try normed(work.x)
    let pooled = hidden.slice(endPlace(ids), count: 1)
    let embedding = try projection.map { projection in
      let result = try Tensor([1, projection.outputs])
      try backend.apply(projection, to: pooled, into: result)
      return result
    }
    return CLIPTextStates(hidden: hidden, penultimate: penultimate, pooled: pooled, embedding: embedding)
  }

  /// The norm behind the last block, of any states.
  package func normed(_ states: Tensor) throws -> Tensor {
    let result = try Tensor(states.shape)
    try finalNorm(states, eps: configuration.shape.eps, backend, into: result)
    return result
  }

  /// Where the end token is: the first of its id, or of the largest id where the file is of before that was told; the
  /// first token where there is none.
  private func endPlace(_ ids: [Int]) -> Int {
    let wanted = configuration.endID == 2 ? ids.max() : configuration.endID
    return ids.firstIndex { $0 == wanted } ?? 0
  }

  private func embedded(_ ids: [Int]) throws -> Tensor {
    let (d, x) = (configuration.width, try Tensor([ids.count, configuration.width]))
    x.withFloats { rows in
      guard let start = rows.baseAddress else { return }
      for (index, id) in ids.enumerated() { embedding.readRow(min(max(0, id), embedding.rows - 1), into: start + index * d) }
      positions.withFloats { places in for index in rows.indices { rows[index] += places[index] } }
    }
    return x
  }

  /// [heads, L, L]: what lies behind a token is out of its sight.
  private func causal(_ count: Int) throws -> Tensor {
    let bias = try Tensor([configuration.shape.heads, count, count])
    bias.withFloats { bias in
      for row in 0..<configuration.shape.heads * count {
        for key in row % count + 1..<count { bias[row * count + key] = -1e30 }
      }
    }
    return bias
  }
}
