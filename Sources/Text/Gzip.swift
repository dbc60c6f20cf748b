import DiTCZlib
import Foundation

/// Whether a file is compressed, as OpenAI publishes CLIP's merges.
func isGzip(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

/// The bytes of a tokenizer's file, unpacked where it is compressed.
/// - Throws: ``TokenizerError/unreadable(path:reason:)``, also where it unpacks to more than ``largestTokenizerFile``.
func unpacked(_ url: URL) throws -> [UInt8] {
  func problem(_ reason: String) -> TokenizerError { .unreadable(path: url.path, reason: reason) }
  let file = try mappedTokenizer(url)
  guard withExtendedLifetime(file, { isGzip(file.bytes) }) else { return withExtendedLifetime(file) { Array(file.bytes) } }
  guard let stream = gzopen(url.path, "rb") else { throw problem("not readable") }
  var result: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = gzread(stream, &piece, UInt32(piece.count)), count > 0, result.count <= largestTokenizerFile {
    result += piece[..<Int(count)]
  }
  var state: Int32 = 0
  _ = gzerror(stream, &state)
  // Closing tells of a stream without an end.
  let isWhole = gzclose_r(stream) == Z_OK && state == Z_OK
  guard result.count <= largestTokenizerFile else { throw problem("it unpacks to over \(largestTokenizerFile) bytes") }
  guard isWhole else { throw problem("the compressed file is damaged or cut short") }
  return result
}
