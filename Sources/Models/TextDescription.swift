import DiTCheckpoints
import Foundation
import DiTText

/// The text encoder and tokenizer of a model.
package struct TextDescription: Sendable {
  package let configuration: any TextEncoderConfiguration
  /// The folder or file of the encoder's weights.
  package let weights: URL
  /// `spiece.model`.
  package let tokenizer: URL
  /// Longest prompt in tokens, end token included.
  package let maximumTokens: Int
  /// PixArt was trained on lower-case captions without space around them.
  package let lowercases: Bool

  private struct TokenizerConfiguration: Decodable {
    let maximumLength: Double?  // Hugging Face writes 1e30 for "no limit"
    enum CodingKeys: String, CodingKey { case maximumLength = "model_max_length" }
  }

  /// - Parameters:
  ///   - encoder: a folder with `config.json` and weights.
  ///   - tokenizers: folders that may hold `spiece.model`, the first that does counts.
  ///   - maximumTokens: nil: what the tokenizer's configuration says.
  init(encoder: URL, tokenizers: [URL], maximumTokens: Int? = nil, lowercases: Bool = false) throws {
    weights = encoder
    self.lowercases = lowercases
    configuration = try TextEncoders.configuration(ConfigurationFile(encoder.appendingPathComponent("config.json")))
    let exists = { (url: URL) in FileManager.default.fileExists(atPath: url.path) }
    let folder = tokenizers.first { exists($0.appendingPathComponent("spiece.model")) } ?? tokenizers[0]
    tokenizer = folder.appendingPathComponent("spiece.model")
    let settings = folder.appendingPathComponent("tokenizer_config.json")
    let stated = maximumTokens == nil && exists(settings)
      ? try readConfiguration(TokenizerConfiguration.self, at: settings).maximumLength : nil
    self.maximumTokens = maximumTokens ?? Int(min(max(stated ?? 512, 1), 4096))
  }

  /// A prompt as the model was trained to read it.
  package func prepared(_ prompt: String) -> String {
    lowercases ? prompt.lowercased().trimmingCharacters(in: .whitespacesAndNewlines) : prompt
  }

  /// - Throws: `TokenizerError`.
  package func makeTokenizer() throws -> any TextTokenizer {
    try SentencePieceTokenizer(contentsOf: tokenizer, maximumLength: maximumTokens)
  }
}
