import DiTCheckpoints
import Foundation
import DiTTensors
import DiTText

/// The text encoder and tokenizer of a model.
package struct TextDescription: Sendable {
  package let configuration: any TextEncoderConfiguration
  /// The folder or file of the encoder's weights.
  package let weights: URL
  /// What makes its states what the transformer reads; nil: it reads them as they are.
  package let prefix: CaptionPrefix?
  /// Numbers of a token's state as the transformer reads it.
  package var width: Int { prefix?.configuration.textSize ?? configuration.width }
  /// One of the names of its kind's files, or the encoder's own file where that brings its tokenizer along.
  package let tokenizer: URL
  /// Longest prompt in tokens, start and end tokens included.
  package let maximumTokens: Int
  /// PixArt was trained on lower-case captions without space around them.
  package let lowercases: Bool

  private struct TokenizerConfiguration: Decodable {
    let maximumLength: Double?  // Hugging Face writes 1e30 for "no limit"
    enum CodingKeys: String, CodingKey { case maximumLength = "model_max_length" }
  }

  /// - Parameters:
  ///   - encoder: a folder with `config.json` and weights, or a file of weights.
  ///   - tokenizer: the file or folder that the user names.
  ///   - tokenizers: folders that may hold one, the first that does counts.
  ///   - maximumTokens: nil: what the tokenizer's configuration says.
  /// - Throws: ``ModelError/noTokenizer(path:names:)`` where there is none.
  init(
    encoder: URL, prefix: CaptionPrefix? = nil, tokenizer named: URL? = nil, tokenizers: [URL], maximumTokens: Int? = nil,
    lowercases: Bool = false
  ) throws {
    (weights, self.prefix) = (encoder, prefix)
    self.lowercases = lowercases
    configuration = try TextEncoders.configuration(of: encoder)
    if let wanted = prefix?.configuration.clipSize, wanted != configuration.width {
      throw ConfigurationError.wrong(
        file: encoder.path,
        reason: "the text encoder writes \(configuration.width) numbers a token, the caption decoder reads \(wanted)")
    }
    let names = type(of: configuration).tokenizer.fileNames
    guard let found = try TextDescription.tokenizer(named, encoder, tokenizers, names) else {
      throw ModelError.noTokenizer(path: named?.path ?? encoder.path, names: names)
    }
    tokenizer = found
    let stated = try TextDescription.statedMaximum(found.deletingLastPathComponent())
    let longest = configuration.longestText
    self.maximumTokens = maximumTokens ?? Int(min(max(stated ?? 512, 1), Double(longest ?? 4096)))
    if let longest, self.maximumTokens > longest {
      throw ConfigurationError.wrong(
        file: encoder.path, reason: "it has places for \(longest) tokens, but the model reads \(self.maximumTokens)")
    }
  }

  /// `model_max_length` of the tokenizer in a folder; nil where nobody says.
  static func statedMaximum(_ folder: URL) throws -> Double? {
    let settings = folder.appendingPathComponent("tokenizer_config.json")
    guard isThere(settings) else { return nil }
    return try readConfiguration(TokenizerConfiguration.self, at: settings).maximumLength
  }

  private static func tokenizer(_ named: URL?, _ encoder: URL, _ folders: [URL], _ names: [String]) throws -> URL? {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    if let named, files.fileExists(atPath: named.path, isDirectory: &isFolder), !isFolder.boolValue { return named }
    let places = named.map { [$0, $0.appendingPathComponent("tokenizer")] } ?? folders
    for place in places {
      for name in names {
        let file = place.appendingPathComponent(name)
        if isThere(file) { return file }
      }
    }
    guard named == nil else { return nil }
    let isFile = files.fileExists(atPath: encoder.path, isDirectory: &isFolder) && !isFolder.boolValue
    if isFile { return try openCheckpoint(at: encoder).contains(SentencePieceModel.tensor) ? encoder : nil }
    return names.first.flatMap { places.first?.appendingPathComponent($0) }  // says that it is missing
  }

  /// The encoder's tensors, by the names of its authors.
  /// - Throws: `LoadError`.
  package func openWeights() throws -> Checkpoint { try TextEncoders.open(weights) }

  /// The encoder, with what is behind it.
  /// - Throws: `LoadError` naming the missing or misshapen tensor.
  package func load(backend: Backend) throws -> any TextEncoder {
    let encoder = try configuration.load(openWeights(), backend: backend)
    return try prefix?.behind(encoder, backend: backend) ?? encoder
  }

  private var tokenizerType: any TextTokenizer.Type { type(of: configuration).tokenizer }

  /// The files of the tokenizer in the form in which this program writes it.
  /// - Throws: `TokenizerError`.
  package func tokenizerFiles() throws -> [(name: String, bytes: [UInt8])] { try tokenizerType.files(at: tokenizer) }

  /// A prompt as the model was trained to read it.
  package func prepared(_ prompt: String) -> String { lowercases ? TextDescription.prepared(prompt) : prompt }

  /// In lower case, without space around it.
  package static func prepared(_ prompt: String) -> String {
    prompt.lowercased().trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// - Throws: `TokenizerError`.
  package func makeTokenizer() throws -> any TextTokenizer {
    try tokenizerType.init(contentsOf: tokenizer, maximumLength: maximumTokens)
  }
}
