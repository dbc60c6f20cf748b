import DiTCheckpoints
import Foundation

/// Text to token ids with Gemma's SentencePiece model of byte pairs: a start token, then the pieces of the text, all of its
/// spaces among them. What is no piece is spelled in bytes.
package struct GemmaTokenizer: TextTokenizer {
  package static let fileNames = ["tokenizer.model", "spiece.model", "tokenizer.json"]

  package let startID: Int
  package let maximumLength: Int
  package var vocabularySize: Int { model.pieceCount }
  package var unknownID: Int? { nil }
  package var padID: Int { model.padID }
  package var endID: Int? { model.endID }
  package var startCount: Int { 1 }
  package var endCount: Int { 0 }
  private let model: SentencePieceModel

  /// - Parameters:
  ///   - url: a `tokenizer.model`, a `tokenizer.json`, or an encoder's file that brings its model along.
  ///   - maximumLength: tokens kept of a longer text, start token included.
  /// - Throws: ``TokenizerError``.
  package init(contentsOf url: URL, maximumLength: Int) throws {
    model = try SentencePieceModel(GemmaTokenizer.model(at: url), of: url)
    guard let start = model.startID else { throw TokenizerError.noStartToken(path: url.path) }
    startID = start
    self.maximumLength = max(1, maximumLength)
  }

  package func encode(_ text: String) throws -> [Int] {
    [startID] + (try pieces(of: Array(text.utf8))).prefix(maximumLength - 1)
  }

  package func pieces(of utf8: [UInt8]) throws -> [Int] { try model.pieces(of: utf8) }
  package func piece(_ id: Int) -> String { model.piece(id) }

  static func model(at url: URL) throws -> [UInt8] {
    try SentencePieceModel.bytes(at: url) {
      let file = try mappedTokenizer($0)
      return try withExtendedLifetime(file) { try GemmaFile(file.bytes).modelProto() }
    }
  }

  package static func files(at url: URL) throws -> [(name: String, bytes: [UInt8])] { [("tokenizer.model", try model(at: url))] }
}
