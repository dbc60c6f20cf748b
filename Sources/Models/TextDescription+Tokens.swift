import DiTTensors
import DiTText
import Foundation

/// Which of a request's texts one is: a model with an instruction finds it before the prompt alone.
package enum TextRole: Sendable, Hashable { case prompt, negative }

extension TextDescription {
  /// What stands before every prompt of the model; nil: nothing.
  package var instruction: String? { configuration.instruction }

  /// Ids of a prompt, one for each state that the transformer reads.
  /// - Parameter prompt: without weights.
  package func tokens(of prompt: String, as role: TextRole = .prompt, by tokenizer: any TextTokenizer) throws -> [Int] {
    try text(prepared(prompt), role, tokenizer).ids
  }

  /// Pieces of a prompt of any length, without start and end tokens.
  package func pieceCount(of prompt: String, as role: TextRole = .prompt, by tokenizer: any TextTokenizer) throws -> Int {
    let text = prepared(prompt)
    guard role == .prompt, let instruction, !text.isEmpty else { return try tokenizer.pieces(of: Array(text.utf8)).count }
    let before = try tokenizer.pieces(of: Array(instruction.utf8)).count - 1  // its last becomes the prompt's
    return try max(0, tokenizer.pieces(of: Array((instruction + text).utf8)).count - before)
  }

  /// Tokens of a prompt that the model does not see because it is too long.
  package func dropped(from prompt: String, by tokenizer: any TextTokenizer) -> Int {
    tokenizer.dropped(pieces: (try? pieceCount(of: prompt, by: tokenizer)) ?? 0)
  }

  /// States of several texts, each prepared, by one reading of the encoder's weights.
  /// - Parameters:
  ///   - keeping: where what an instruction leaves is kept from run to run, by its tokens; nil: it is not.
  ///   - probe: is shown each block; throw from it to stop.
  package func states(
    of texts: [(text: String, role: TextRole)], tokenizer: any TextTokenizer, encoder: any TextEncoder,
    keeping: (([Int]) -> URL)? = nil, probe: Probe? = nil
  ) throws -> [Tensor] {
    let read = try texts.map { try text($0.text, $0.role, tokenizer) }
    guard let instructed = encoder as? any InstructedEncoder else { return try encoder.encode(read.map(\.ids), probe: probe) }
    return try instructed.encode(read, keeping: keeping, probe: probe)
  }

  private func text(_ text: String, _ role: TextRole, _ tokenizer: any TextTokenizer) throws -> InstructedText {
    guard role == .prompt, let instruction else { return InstructedText(try tokenizer.encode(text)) }
    return try tokenizer.encode(text, after: instruction)
  }
}
