import DiTTensors
import Foundation

/// Tokens of a text, and of an instruction before it that is the same for every text.
package struct InstructedText: Sendable {
  /// Start token included; none: the text stands alone.
  package let instruction: [Int]
  /// The start token, and what follows the instruction.
  package let ids: [Int]

  package init(instruction: [Int] = [], _ ids: [Int]) { (self.instruction, self.ids) = (instruction, ids) }
}

/// An encoder in which a token sees those before it alone: what an instruction leaves for the tokens after it need not be
/// computed again for every text.
package protocol InstructedEncoder: TextEncoder {
  /// Text states of several texts, [ids, width] float32 of each: the start token's, and those of the tokens that follow the
  /// instruction.
  /// - Parameter keeping: where the keys and values of an instruction are kept from run to run, by its tokens; nil: they are not.
  func encode(_ texts: [InstructedText], keeping: ((_ instruction: [Int]) -> URL)?, probe: Probe?) throws -> [Tensor]
}

extension InstructedEncoder {
  package func encode(_ texts: [[Int]], probe: Probe?) throws -> [Tensor] {
    try encode(texts.map { InstructedText($0) }, keeping: nil, probe: probe)
  }
}

extension TextTokenizer {
  /// What a model reads of a text behind an instruction: at most ``maximumLength`` ids, the start token among them.
  ///
  /// The last token of the instruction is the text's: the space at its end becomes a part of the first word.
  package func encode(_ text: String, after instruction: String) throws -> InstructedText {
    let start = try Array(encode("").prefix(startCount))
    let all = try pieces(of: Array((instruction + text).utf8))
    let count = try min(max(0, pieces(of: Array(instruction.utf8)).count - 1), all.count)
    return InstructedText(
      instruction: start + all[..<count], start + all[count...].prefix(max(0, maximumLength - startCount - endCount)))
  }
}
