import DiTCheckpoints
import DiTTensors

/// From the tokens of a prompt to what a transformer reads.
package protocol TextEncoder: Sendable {
  /// Numbers of a token's state.
  var width: Int { get }
  var vocabularySize: Int { get }
  /// Text states of several sequences of tokens, end tokens included: [tokens, width] float32 of each.
  /// - Parameter probe: is shown each block; throw from it to stop.
  /// - Throws: where memory is short, or a file that is read through cannot be.
  func encode(_ texts: [[Int]], probe: Probe?) throws -> [Tensor]
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

  /// Numbers of a token's state.
  var width: Int { get }
  var vocabularySize: Int { get }
  /// Reads and packs the weights.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  func load(_ checkpoint: Checkpoint, backend: Backend) throws -> any TextEncoder
  /// Its parameters, and what encoding a prompt takes.
  func listing() throws -> NetworkListing
}

/// The text encoders that this program runs.
package enum TextEncoders {
  static let all: [any TextEncoderConfiguration.Type] = [T5Configuration.self]

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
