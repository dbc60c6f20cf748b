import DiTCSentencePiece
import DiTCheckpoints
import Foundation

/// A model of SentencePiece, of whichever kind.
///
/// `@unchecked Sendable`: the processor is made once and asked by `const` functions alone, which SentencePiece lets
/// several threads call.
package final class SentencePieceModel: @unchecked Sendable {
  package let pieceCount: Int
  package let padID, unknownID: Int
  /// Nil where it has none.
  package let startID, endID: Int?
  private let processor: OpaquePointer

  /// - Parameters:
  ///   - bytes: see ``bytes(at:json:)``.
  ///   - url: where they are from.
  /// - Throws: ``TokenizerError``.
  init(_ bytes: [UInt8], of url: URL) throws {
    var message = [CChar](repeating: 0, count: 256)
    let loaded = bytes.withUnsafeBytes { csp_load($0.baseAddress, $0.count, &message, message.count) }
    guard let loaded else {
      let reason = message.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } ?? ""
      guard !reason.contains("bad_alloc") else { throw TokenizerError.outOfMemory }  // in words that wrap it, too
      let isOfCode = reason.isEmpty || reason.contains(".cc(")  // a line of its source and the check that failed there
      throw TokenizerError.notSentencePiece(
        path: url.path, reason: isOfCode ? "damaged, cut short, or of another format" : reason)
    }
    processor = loaded
    pieceCount = Int(csp_piece_count(loaded))
    (padID, unknownID) = (Int(csp_pad_id(loaded)), Int(csp_unk_id(loaded)))
    let (start, end) = (Int(csp_bos_id(loaded)), Int(csp_eos_id(loaded)))
    (startID, endID) = (start >= 0 ? start : nil, end >= 0 ? end : nil)
  }

  deinit { csp_free(processor) }

  /// Ids of any bytes; malformed UTF-8 counts as U+FFFD.
  /// - Throws: where memory is short.
  func pieces(of utf8: [UInt8]) throws -> [Int] {
    var ids: UnsafeMutablePointer<Int32>?
    let count = utf8.withUnsafeBytes { bytes in
      csp_encode(processor, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &ids)
    }
    defer { free(ids) }
    guard let ids, count >= 0 else { throw TokenizerError.outOfMemory }  // it takes any bytes: nothing else can fail
    return UnsafeBufferPointer(start: ids, count: Int(count)).map(Int.init)
  }

  func piece(_ id: Int) -> String {
    var count = 0
    guard let bytes = csp_piece(processor, Int32(clamping: id), &count) else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  /// A model's bytes: the file itself, compressed or not, made from a `tokenizer.json`, or the tensor in which ComfyUI's
  /// encoders have it.
  /// - Parameter json: makes one of a `tokenizer.json`.
  /// - Throws: ``TokenizerError``, or a configuration's or checkpoint's error.
  static func bytes(at url: URL, json: (URL) throws -> [UInt8]) throws -> [UInt8] {
    let file = try mappedTokenizer(url)
    if let checkpoint = try? openFile(file), let size = checkpoint[tensor]?.count, size <= largestTokenizerFile {
      return try checkpoint.integers(tensor).map { UInt8(truncatingIfNeeded: $0) }
    }
    if isGzip(file.bytes) { return try unpacked(url) }
    if let reason = standIn(file.bytes) ?? textInPlace(file.bytes) {
      throw LoadError.malformed(file: url.path, reason: reason)
    }
    if beginsAsJSON(file.bytes) || url.pathExtension == "json" {
      do {
        return try json(url)
      } catch let problem as UnreadableTokenizer {
        throw problem.error(url)
      }
    }
    guard file.bytes.count <= largestTokenizerFile else {
      throw TokenizerError.notSentencePiece(path: url.path, reason: "\(file.bytes.count) bytes are too many for one")
    }
    return Array(file.bytes)
  }

  /// Of a checkpoint that brings its tokenizer along.
  package static let tensor = "spiece_model"
}

/// What of a `tokenizer.json` is not read, in words.
struct UnreadableTokenizer: Error {
  let reason: String
  /// What it was read as.
  let isUnigram: Bool

  func error(_ url: URL) -> TokenizerError {
    isUnigram ? .notUnigram(path: url.path, reason: reason) : .notGemma(path: url.path, reason: reason)
  }
}
