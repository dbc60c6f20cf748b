import DiTCheckpoints
import DiTTensors
import Foundation

/// From the tokens of a prompt to what a transformer reads.
package protocol TextEncoder: Sendable {
  /// Numbers of a token's state.
  var width: Int { get }
  var vocabularySize: Int { get }
  /// Text states of several sequences of tokens, as its tokenizer gives them: [tokens, width] float32 of each.
  /// - Parameter probe: is shown each block; throw from it to stop.
  /// - Throws: where memory is short, or a file that is read through cannot be.
  func encode(_ texts: [[Int]], probe: Probe?) throws -> [Tensor]
}

extension TextEncoderConfiguration {
  package var instruction: String? { nil }

  /// Whether both are of the same sizes.
  fileprivate func isSimilar(to other: any TextEncoderConfiguration) -> Bool {
    (width, vocabularySize) == (other.width, other.vocabularySize)
  }
}

extension TextEncoder {
  package func encode(_ texts: [[Int]]) throws -> [Tensor] { try encode(texts, probe: nil) }
}

/// Sizes of a text encoder from its `config.json`, and what is made of them. A new encoder is a folder beside `T5` with
/// one of these, and a line in ``TextEncoders``.
package protocol TextEncoderConfiguration: Decodable, Sendable {
  /// As messages name it.
  static var title: String { get }
  /// Whether a `config.json` describes such an encoder.
  static func recognises(_ fields: JSONValue) -> Bool
  /// Tensors that such an encoder has and no other network: a set for each of its names.
  static var marks: [[String]] { get }
  /// What makes its tokens of a text.
  static var tokenizer: any TextTokenizer.Type { get }
  /// Reads the sizes off the tensors.
  /// - Throws: `LoadError` for shapes that make no sense.
  init(tensors: Checkpoint) throws

  /// Numbers of a token's state.
  var width: Int { get }
  var vocabularySize: Int { get }
  /// The longest sequence of tokens it has places for; nil: any length.
  var longestText: Int? { get }
  /// What its models were trained to find before every prompt, but the negative one; nil: nothing. Its encoder is an
  /// ``InstructedEncoder``.
  var instruction: String? { get }
  /// A `config.json` that is read back as this.
  var fields: JSONValue { get }
  /// Reads and packs the weights.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  func load(_ checkpoint: Checkpoint, backend: Backend) throws -> any TextEncoder
  /// Its parameters, and what encoding a prompt takes.
  func listing() throws -> NetworkListing
}

/// The text encoders that this program runs.
package enum TextEncoders {
  static let all: [any TextEncoderConfiguration.Type] = [
    T5Configuration.self, CLIPTextConfiguration.self, Gemma2Configuration.self,
  ]

  /// Opens an encoder's weights, by the names of its authors.
  /// - Throws: `LoadError`.
  package static func open(_ url: URL) throws -> Checkpoint { try openNetwork(at: url, marks: all.flatMap { $0.marks }) }

  /// What a folder or file of weights is, by the `config.json` in or beside it, or by its tensors.
  /// - Throws: `ConfigurationError` or `LoadError`.
  package static func configuration(of url: URL) throws -> any TextEncoderConfiguration {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    let folder = !exists || isFolder.boolValue ? url : url.deletingLastPathComponent()
    let file = folder.appendingPathComponent("config.json")
    let isStated = isThere(file)
    if !isThere(url) || isFolder.boolValue && isStated { return try configuration(ConfigurationFile(file)) }
    let tensors = try open(url)
    guard let kind = all.first(where: { $0.marks.contains { $0.allSatisfy(tensors.contains) } }) else {
      let first = tensors.records.first.map { "its first tensor is \($0.storedName)" } ?? "it holds no tensors"
      let known = all.map { $0.title }.joined(separator: ", ")
      throw ConfigurationError.wrong(
        file: url.path, reason: "no text encoder (\(first)); this program reads text with \(known)")
    }
    let found = try kind.init(tensors: tensors)
    // A configuration beside a file may be another's.
    guard isStated, let beside = try? ConfigurationFile(file), kind.recognises(beside.fields), let stated = try? beside.read(kind),
      stated.isSimilar(to: found)
    else { return found }
    return stated
  }

  /// What a `config.json` describes.
  /// - Throws: `ConfigurationError` naming the file and the field.
  package static func configuration(_ file: ConfigurationFile) throws -> any TextEncoderConfiguration {
    guard let kind = all.first(where: { $0.recognises(file.fields) }) else {
      let found = file.fields["model_type"]?.string ?? file.fields["architectures"]?.array?.first?.string
      throw ConfigurationError.wrong(
        file: file.url.path,
        reason: "describes \(found.map { "\"\($0.prefix(60))\"" } ?? "no text encoder"); this program reads text with "
          + all.map { $0.title }.joined(separator: ", "))
    }
    return try file.read(kind)
  }
}
