import DiTCheckpoints
import DiTTensors
import Foundation

/// Gemma 2 (Gemma Team 2024, arXiv 2408.00118) as a text encoder: the states after its last norm, before any logits.
///
/// A token sees itself and those before it, in every other layer no more than a window of them; queries' heads share keys and
/// values; scores are capped by a tanh. Layers that would take much memory are read from the file each time (``StreamedBlocks``).
///
/// `@unchecked Sendable`: all of it is constant, and where its parameters come from is only read.
package final class Gemma2Encoder: InstructedEncoder, @unchecked Sendable {
  package let configuration: Gemma2Configuration
  package var width: Int { configuration.width }
  package var vocabularySize: Int { configuration.vocabularySize }
  private let backend: Backend
  private let embedding: StoredMatrix  // [vocabulary, d], rows read as they are needed
  private let layers: StreamedBlocks<Gemma2Layer>
  private let finalNorm: Tensor  // [d]

  /// - Parameters:
  ///   - parameters: under the names of Hugging Face's `Gemma2Model`.
  ///   - streamed: nil: if its layers would take more than 2 GiB, or a quarter of the free memory.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package init(_ configuration: Gemma2Configuration, _ parameters: Parameters, streamed: Bool? = nil) throws {
    self.configuration = configuration
    backend = parameters.backend
    let d = configuration.hiddenSize
    embedding = try parameters.stage("word pieces", .picture).table("embed_tokens.weight", configuration.vocabularySize, d)
    layers = try StreamedBlocks(configuration.layers, parameters, streamed: streamed, leastBytes: 2) {
      try Gemma2Layer($0, configuration, $1)
    }
    finalNorm = try parameters.stage("feed-forward", .picture).offsetNorm("norm.weight", d)
  }

  package func encode(
    _ texts: [InstructedText], keeping: (([Int]) -> URL)?, probe: Probe?
  ) throws -> [Tensor] {
    var instructions: [[Int]] = []
    for text in texts where !text.instruction.isEmpty && !instructions.contains(text.instruction) {
      instructions.append(text.instruction)
    }
    let kept = try instructions.map { tokens in
      try Gemma2Instruction(tokens, configuration, keeping) { try work($0, after: 0) }
    }
    let runs = try texts.map { try Run($0, instructions.firstIndex(of: $0.instruction), work) }
    for run in runs { if let work = run.work { try probe?(.textEmbedding, work.x) } }
    for index in 0..<configuration.layers {
      let layer = try layers(index)
      for instruction in kept {
        try instruction.advance(index) { try layer.run(on: $0, backend, index: index, before: nil, probe: nil) }
      }
      for run in runs {
        guard let work = run.work else { continue }
        let before = try run.instruction.map { try kept[$0].keyValues(index) }
        _ = try layer.run(on: work, backend, index: index, before: before, probe: probe)
      }
    }
    for run in runs { if let work = run.work { try probe?(.textBlocks, work.x) } }
    for instruction in kept { try instruction.finish { try finished($0) } }
    return try runs.map { run in
      let start = try run.instruction.map { try kept[$0].startState() }
      return try Tensor.concatenated([start, try run.work.map { try finished($0.x) }].compactMap(\.self))
    }
  }

  /// A text on its way, behind one of the instructions or none.
  private struct Run {
    let instruction: Int?
    /// Of the tokens after the instruction; nil where there are none.
    let work: Gemma2Work?

    init(_ text: InstructedText, _ instruction: Int?, _ work: ([Int], Int) throws -> Gemma2Work) throws {
      self.instruction = instruction
      // The instruction has the start token.
      let ids = instruction == nil ? text.ids : Array(text.ids.dropFirst())
      self.work = ids.isEmpty ? nil : try work(ids, text.instruction.count)
    }
  }

  private func work(_ ids: [Int], after first: Int) throws -> Gemma2Work {
    let d = configuration.hiddenSize
    let x = try Tensor([ids.count, d])
    x.withFloats { rows in
      guard let start = rows.baseAddress else { return }
      for (index, id) in ids.enumerated() { embedding.readRow(min(max(0, id), embedding.rows - 1), into: start + index * d) }
      let scale = Float(d).squareRoot()
      for index in rows.indices { rows[index] *= scale }
    }
    return try Gemma2Work(configuration, x, after: first)
  }

  private func finished(_ x: Tensor) throws -> Tensor {
    let result = try Tensor(x.shape)
    try backend.rmsNorm(x, weight: finalNorm, eps: configuration.eps, into: result)
    return result
  }
}
