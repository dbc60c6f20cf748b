import DiTCSentencePiece
import DiTCheckpoints
import Foundation

/// Text to token ids with a SentencePiece unigram model (Kudo and Richardson 2018), as T5 uses it:
/// the pieces of the text, then one end-of-sentence token.
///
/// `@unchecked Sendable`: the processor is made once and asked by `const` functions alone, which SentencePiece lets
/// several threads call.
package final class SentencePieceTokenizer: TextTokenizer, @unchecked Sendable {
  package static let fileNames = ["spiece.model", "tokenizer.json"]

  package let vocabularySize: Int
  package let padID: Int
  package let endID: Int
  package let unknownID: Int?
  package let maximumLength: Int
  package var startCount: Int { 0 }
  private let processor: OpaquePointer

  /// - Parameters:
  ///   - url: see ``model(at:)``.
  ///   - maximumLength: tokens kept of a longer text, end token included.
  /// - Throws: ``TokenizerError``.
  package init(contentsOf url: URL, maximumLength: Int) throws {
    let model = try SentencePieceTokenizer.model(at: url)
    var message = [CChar](repeating: 0, count: 256)
    let loaded = model.withUnsafeBytes { csp_load($0.baseAddress, $0.count, &message, message.count) }
    guard let loaded else {
      let reason = message.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } ?? ""
      guard !reason.contains("bad_alloc") else { throw TokenizerError.outOfMemory }  // in words that wrap it, too
      let isOfCode = reason.isEmpty || reason.contains(".cc(")  // a line of its source and the check that failed there
      throw TokenizerError.notSentencePiece(
        path: url.path, reason: isOfCode ? "damaged, cut short, or of another format" : reason)
    }
    guard csp_eos_id(loaded) >= 0 else {
      csp_free(loaded)
      throw TokenizerError.noEndToken(path: url.path)
    }
    processor = loaded
    vocabularySize = Int(csp_piece_count(loaded))
    padID = Int(csp_pad_id(loaded))
    endID = Int(csp_eos_id(loaded))
    unknownID = Int(csp_unk_id(loaded))
    self.maximumLength = max(1, maximumLength)
  }

  deinit { csp_free(processor) }

  /// Ids of a text and the end token: at most ``maximumLength``. The empty text is the end token alone.
  package func encode(_ text: String) throws -> [Int] {
    try pieces(of: Array(text.utf8)).prefix(maximumLength - 1) + [endID]
  }

  package func pieces(of utf8: [UInt8]) throws -> [Int] {
    var ids: UnsafeMutablePointer<Int32>?
    let count = utf8.withUnsafeBytes { bytes in
      csp_encode(processor, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &ids)
    }
    defer { free(ids) }
    guard let ids, count >= 0 else { throw TokenizerError.outOfMemory }  // it takes any bytes: nothing else can fail
    return UnsafeBufferPointer(start: ids, count: Int(count)).map(Int.init)
  }

  package func piece(_ id: Int) -> String {
    var count = 0
    guard let bytes = csp_piece(processor, Int32(clamping: id), &count) else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  /// Bytes of the `spiece.model`: the file itself, made from a Unigram `tokenizer.json`, or the tensor `spiece_model` in
  /// which ComfyUI's files of T5 have it.
  /// - Throws: ``TokenizerError``, or a configuration's or checkpoint's error.
  package static func model(at url: URL) throws -> [UInt8] {
    let file = try mappedTokenizer(url)
    if let checkpoint = try? openFile(file), let size = checkpoint[modelTensor]?.count, size <= largestTokenizerFile {
      return try checkpoint.integers(modelTensor).map { UInt8(truncatingIfNeeded: $0) }
    }
    if let reason = standIn(file.bytes) ?? textInPlace(file.bytes) {
      throw LoadError.malformed(file: url.path, reason: reason)
    }
    if beginsAsJSON(file.bytes) || url.pathExtension == "json" {
      do {
        return try readConfiguration(UnigramFile.self, at: url).modelProto()
      } catch let problem as UnigramFile.Unreadable {
        throw TokenizerError.notUnigram(path: url.path, reason: problem.reason)
      }
    }
    guard file.bytes.count <= largestTokenizerFile else {
      throw TokenizerError.notSentencePiece(path: url.path, reason: "\(file.bytes.count) bytes are too many for one")
    }
    return Array(file.bytes)
  }

  package static func files(at url: URL) throws -> [(name: String, bytes: [UInt8])] { [("spiece.model", try model(at: url))] }

  /// Of a checkpoint that brings its tokenizer along.
  package static let modelTensor = "spiece_model"
}
