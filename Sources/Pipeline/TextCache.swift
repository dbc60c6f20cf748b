import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTText
import Foundation

/// Encoded prompts on disk: a large text encoder need not be read again for a prompt it has seen.
///
/// A file for each text, named by what its numbers depend on: the encoder's files, the tokenizer, how they are computed,
/// the text and, where that makes a difference, whether it is a negative one. A file that is damaged or of another shape counts
/// as absent.
struct TextCache {
  private let folder: URL
  private let key: String
  private let size: Int

  /// Bytes of each weight file that take part in the fingerprint: its names and shapes, and its first and last numbers.
  private static let sample = 1 << 16

  /// - Throws: `LoadError` where the encoder cannot be read or the folder cannot be made.
  init(_ folder: URL, _ text: TextDescription, _ backend: Backend) throws {
    self.folder = folder
    size = text.configuration.width
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw LoadError.unwritable(file: folder.path, reason: "the folder cannot be made")
    }
    let checkpoint = try text.openWeights()
    var bytes = Array("\(text.configuration) \(backend.kind) \(backend.precision) \(text.maximumTokens)".utf8)
    for record in checkpoint.records { bytes += Array("\(record.name)\(record.shape)\(record.type)".utf8) }
    var seen: Set<String> = []
    for file in checkpoint.records.map(\.file) where seen.insert(file.path).inserted {
      bytes += Array("\(file.bytes.count)".utf8) + file.bytes.prefix(TextCache.sample) + file.bytes.suffix(TextCache.sample)
    }
    bytes += (try? text.tokenizerFiles())?.flatMap(\.bytes) ?? []
    key = sha256(bytes)
  }

  private func url(of text: String) -> URL {
    folder.appendingPathComponent(String(sha256(Array((key + "\n" + text).utf8)).prefix(40)) + ".safetensors")
  }

  /// Where what an instruction leaves for the prompts after it is kept.
  func url(ofInstruction tokens: [Int]) -> URL { url(of: "instruction\n\(tokens)") }

  /// Most models read a negative prompt as they read a prompt.
  private func url(of text: String, as role: TextRole) -> URL { url(of: role == .negative ? "negative\n" + text : text) }

  /// The kept states [tokens, size], or nil.
  func states(of text: String, as role: TextRole) -> Tensor? {
    guard let file = try? openCheckpoint(at: url(of: text, as: role)), file.metadata["text"] == text,
      let states = try? file.tensor("states"), states.shape.count == 2, states.shape[1] == size, states.shape[0] > 0,
      states.array.allSatisfy(\.isFinite)
    else { return nil }
    return states
  }

  /// Writes a file that appears whole or not at all.
  /// - Throws: `LoadError.unwritable`.
  func keep(_ states: Tensor, of text: String, as role: TextRole) throws {
    var writer = SafetensorsWriter(url(of: text, as: role), metadata: ["text": text])
    try writer.add("states", states)
    try writer.write()
  }
}
