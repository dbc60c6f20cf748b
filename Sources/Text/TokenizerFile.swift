import DiTCheckpoints
import DiTErrors
import Foundation

/// Why a tokenizer could not be made.
package enum TokenizerError: UserError {
  case unreadable(path: String, reason: String)
  case notSentencePiece(path: String, reason: String)
  case noEndToken(path: String)
  /// A `tokenizer.json` of a kind that is not read.
  case notUnigram(path: String, reason: String)
  case notGemma(path: String, reason: String)
  case noStartToken(path: String)
  case notBytePairs(path: String, reason: String)
  case outOfMemory

  package var kind: UserErrorKind {
    switch self {
    case .unreadable, .notSentencePiece, .noEndToken, .noStartToken, .notUnigram, .notGemma, .notBytePairs: .damagedData
    case .outOfMemory: .outOfMemory
    }
  }

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): cannot be read (\(reason))"
    case .notSentencePiece(let path, let reason): "\(path): not a SentencePiece model (\(reason))"
    case .notUnigram(let path, let reason):
      "\(path): \(reason); this program reads the Unigram tokenizers of T5: put the model's spiece.model beside it"
    case .notGemma(let path, let reason):
      "\(path): \(reason); this program reads the BPE tokenizers of Gemma: put the model's tokenizer.model beside it"
    case .notBytePairs(let path, let reason):
      "\(path): \(reason); a CLIP model needs its vocab.json and merges.txt, its tokenizer.json, or bpe_simple_vocab_16e6.txt.gz"
    case .noEndToken(let path): "\(path): the tokenizer has no end-of-sentence piece, which T5 needs"
    case .noStartToken(let path): "\(path): the tokenizer has no begin-of-sentence piece, which Gemma needs"
    case .outOfMemory: "not enough memory for the tokenizer"
    }
  }
}

/// Larger files are refused before they are parsed: T5's model has 0.8 MB, CLIP's `tokenizer.json` 2.2 MB, the largest
/// multilingual ones 5 MB, Gemma's `tokenizer.json` 34 MB.
let largestTokenizerFile = 64 << 20

/// Ids that a `tokenizer.json` may have beyond its pieces: each takes memory, however short the file.
let mostUnusedIDs = 100_000

/// A tokenizer's file, whatever it holds.
/// - Throws: ``TokenizerError/unreadable(path:reason:)``.
func mappedTokenizer(_ url: URL) throws -> MappedFile {
  do {
    return try MappedFile(url)
  } catch is LoadError {  // memory that is short is another error
    let missing = !FileManager.default.fileExists(atPath: url.path)
    let reason = danglingLink(url) ?? (missing ? "no such file" : "not readable")
    throw TokenizerError.unreadable(path: url.path, reason: reason)
  }
}
