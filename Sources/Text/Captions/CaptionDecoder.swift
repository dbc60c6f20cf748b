import DiTCheckpoints
import DiTTensors
import Foundation

/// The caption decoder of UniDiffuser (Bao et al. 2023, arXiv 2303.06555): GPT-2 (Radford et al. 2019) behind a prefix of the
/// text that the transformer works on. The published weights were trained with the tanh form of GELU, whatever the published
/// configuration says.
///
/// `@unchecked Sendable`: all of it is constant.
package final class CaptionDecoder: @unchecked Sendable {
  package let configuration: CaptionConfiguration
  package let vocabularySize: Int
  private let backend: Backend
  private let encodePrefix, decodePrefix: Linear  // [text, CLIP], [hidden, text]
  private let embedding: StoredMatrix  // [vocabulary, hidden], rows read as they are needed
  private let output: Linear  // the same numbers
  private let positions: Tensor  // [positions, hidden]
  private let blocks: [Block]
  private let finalNorm: CLIPNorm

  private struct Block {
    let attentionNorm, mlpNorm: CLIPNorm
    let qkv, projection, up, down: Linear
  }

  /// Opens the weights of a file or folder, under the names of its authors, without what lies beside them in the published file: a
  /// whole CLIP that nothing uses, masks, and the output layer, whose numbers are those of the word pieces.
  /// - Throws: `LoadError`.
  package static func open(_ url: URL) throws -> Checkpoint {
    let found = try openNetwork(at: url, marks: [["encode_prefix.weight", "decode_prefix.weight"]])
    return try found.renamed { name in
      let own = name.hasPrefix("transformer.transformer.") ? "gpt." + name.dropFirst("transformer.".count) : name
      let isUnused = own.hasPrefix("clip.") || own.hasSuffix(".attn.bias") || own.hasSuffix(".attn.masked_bias")
        || own == "gpt.lm_head.weight" || own == "transformer.lm_head.weight"
      return isUnused ? nil : own
    }
  }

  /// Reads and packs the weights of a file or folder.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package convenience init(_ configuration: CaptionConfiguration, _ weights: URL, backend: Backend) throws {
    let found = try Self.open(weights)
    let rows = found["gpt.transformer.wte.weight"]?.shape.first
    try self.init(
      configuration, vocabularySize: configuration.vocabularySize ?? rows ?? 50_258, Parameters(found, backend: backend))
  }

  /// What turns a CLIP state into what the transformer works on, [text, CLIP].
  static func encodePrefix(_ configuration: CaptionConfiguration, _ parameters: Parameters) throws -> Linear {
    try parameters.stage("prefix", .picture).linear(
      "encode_prefix", configuration.textSize, configuration.clipSize, on: .fixed(configuration.prefixLength), precise: true)
  }

  /// - Parameter parameters: under the original's names.
  init(_ configuration: CaptionConfiguration, vocabularySize: Int, _ parameters: Parameters) throws {
    (self.configuration, self.vocabularySize) = (configuration, vocabularySize)
    backend = parameters.backend
    let d = configuration.hiddenSize
    let prefix = parameters.stage("prefix", .picture)
    encodePrefix = try Self.encodePrefix(configuration, parameters)
    decodePrefix = try prefix.linear(
      "decode_prefix", d, configuration.textSize, on: .fixed(configuration.prefixLength), precise: true)
    let words = parameters.stage("word pieces", .picture)
    // At most: as many as are searched with five beams.
    let (tokens, last) = (Rows.fixed(configuration.prefixLength + 5 * 67), Rows.fixed(5 * 67))
    (embedding, output) = try words.tiedTable("gpt.transformer.wte.weight", vocabularySize, d, on: last)
    positions = try words.tensor("gpt.transformer.wpe.weight", [configuration.positions, d], start: .table)
    blocks = try (0..<configuration.layers).map { layer in
      let parameters = parameters.scoped("gpt.transformer.h.\(layer).").stage("blocks", .picture)
      let layer = { (name: String, outputs: Int, inputs: Int) in
        try parameters.turnedLinear(name, outputs, inputs, on: tokens)
      }
      return Block(
        attentionNorm: try CLIPNorm("ln_1", d, parameters), mlpNorm: try CLIPNorm("ln_2", d, parameters),
        qkv: try layer("attn.c_attn", 3 * d, d), projection: try layer("attn.c_proj", d, d),
        up: try layer("mlp.c_fc", 4 * d, d), down: try layer("mlp.c_proj", d, 4 * d))
    }
    finalNorm = try CLIPNorm("gpt.transformer.ln_f", d, parameters.stage("blocks", .picture))
  }

  // MARK: prefix

  /// CLIP's states [tokens, CLIP] as what the transformer works on, [tokens, text].
  package func text(of states: Tensor) throws -> Tensor { try apply(encodePrefix, to: states) }

  /// What captions begin with, [tokens, hidden].
  package func prefix(of text: Tensor) throws -> Tensor { try apply(decodePrefix, to: text) }

  private func apply(_ linear: Linear, to x: Tensor) throws -> Tensor {
    let result = try Tensor([x.rows, linear.outputs])
    try backend.apply(linear, to: x, into: result)
    return result
  }

  // MARK: states

  /// Keys and values of what several captions hold so far.
  package struct Memory {
    /// Of each block [captions · capacity, 2·hidden].
    fileprivate var keyValues: [Tensor]
    fileprivate let capacity: Int
    fileprivate var length: Int

    /// The captions `sources`, in this order.
    package mutating func choose(_ sources: [Int]) throws {
      guard sources != Array(sources.indices) || sources.count * capacity != keyValues[0].shape[0] else { return }
      keyValues = try keyValues.map { old in
        let new = try Tensor([sources.count * capacity, old.columns], type: old.type)
        for (place, source) in sources.enumerated() {
          try old.slice(source * capacity, count: length).copy(into: new.slice(place * capacity, count: length))
        }
        return new
      }
    }
  }

  /// Logits [tokens, vocabulary] of a whole sequence, prefix and ids, and what is remembered of it for one caption.
  /// - Parameter room: tokens that may follow.
  package func start(_ prefix: Tensor, ids: [Int] = [], room: Int = 0) throws -> (logits: Tensor, memory: Memory) {
    let count = prefix.rows + ids.count
    let capacity = min(configuration.positions, count + room)
    var memory = Memory(
      keyValues: try blocks.map { _ in try Tensor([capacity, 2 * configuration.hiddenSize], type: backend.activationType) },
      capacity: capacity, length: 0)
    let x = try Tensor.concatenated([prefix.copy(), embedded(ids)])
    return (try advance(x, captions: 1, &memory), memory)
  }

  /// Logits [captions, vocabulary] of one more token of each.
  package func next(_ ids: [Int], _ memory: inout Memory) throws -> Tensor {
    try advance(embedded(ids), captions: ids.count, &memory)
  }

  /// Whether a further token has a place.
  package func hasRoom(_ memory: Memory) -> Bool { memory.length < memory.capacity }

  private func embedded(_ ids: [Int]) throws -> Tensor {
    let (d, x) = (configuration.hiddenSize, try Tensor([ids.count, configuration.hiddenSize]))
    x.withFloats { rows in
      guard let start = rows.baseAddress else { return }
      for (index, id) in ids.enumerated() { embedding.readRow(min(max(0, id), embedding.rows - 1), into: start + index * d) }
    }
    return x
  }

  /// - Parameter x: [captions · new tokens, hidden] without positions; written to.
  private func advance(_ x: Tensor, captions: Int, _ memory: inout Memory) throws -> Tensor {
    let (d, new, before) = (configuration.hiddenSize, x.rows / captions, memory.length)
    for row in 0..<x.rows {
      try backend.add(
        x.slice(row, count: 1), positions.slice(before + row % new, count: 1), into: x.slice(row, count: 1))
    }
    let make = { (columns: Int) in try Tensor([x.rows, columns], type: self.backend.activationType) }
    let (normed, qkv, hidden) = (try make(d), try make(3 * d), try make(4 * d))
    let bias = new > 1 ? try causal(new, capacity: memory.capacity) : nil
    let counts = Array(repeating: Int32(before + new), count: captions)
    for (block, keyValue) in zip(blocks, memory.keyValues) {
      try block.attentionNorm(x, eps: configuration.eps, backend, into: normed)
      try backend.apply(block.qkv, to: normed, into: qkv)
      for caption in 0..<captions {
        try backend.activate(
          .none, Matrix(qkv.slice(caption * new, count: new), from: d, count: 2 * d),
          into: keyValue.slice(caption * memory.capacity + before, count: new))
      }
      try backend.attention(
        AttentionShape(
          batch: captions, heads: configuration.heads, headSize: d / configuration.heads, queries: new, keys: memory.capacity),
        q: Matrix(qkv, from: 0, count: d), k: Matrix(keyValue, from: 0, count: d), v: Matrix(keyValue, from: d, count: d),
        reading: AttentionKeys(count: counts), bias: bias, into: normed)
      try backend.accumulate(block.projection, of: normed, into: x)
      try block.mlpNorm(x, eps: configuration.eps, backend, into: normed)
      try backend.apply(block.up, to: normed, activation: .geluTanh, into: hidden)
      try backend.accumulate(block.down, of: hidden, into: x)
    }
    memory.length = before + new
    let last = try Tensor(x.shape)
    try finalNorm(x, eps: configuration.eps, backend, into: last)
    return try apply(output, to: last)
  }

  /// [heads, new, capacity] of the first tokens: what lies behind a token is out of its sight.
  private func causal(_ new: Int, capacity: Int) throws -> Tensor {
    let bias = try Tensor([configuration.heads, new, capacity])
    bias.withFloats { bias in
      for row in 0..<configuration.heads * new {
        for key in row % new + 1..<max(row % new + 1, capacity) { bias[row * capacity + key] = -1e30 }
      }
    }
    return bias
  }
}
