import DiTAutoencoder
import DiTCheckpoints
import DiTModels
import DiTTensors
import DiTText
import DiTTransformer
import Foundation

/// The loaded stages of one model.
package struct Stages: Sendable {
  /// Nil, as the text encoder, where the model reads no text.
  package let tokenizer: (any TextTokenizer)?
  package let textEncoder: TextEncoderShelf?
  package let transformers: TransformerShelf
  package let autoencoder: any Autoencoder

  /// Loads the weights of a model.
  /// - Parameter adapters: of the first drawing.
  /// - Throws: one-line errors of the stages, naming file and tensor.
  package init(_ folder: ModelFolder, backend: Backend, adapters: [LoRA] = []) throws {
    // SentencePiece takes as long to build its tables as a text encoder's weights to be packed.
    let making = folder.text.map { text in OnAnotherThread { try text.makeTokenizer() } }
    textEncoder = try folder.text.map { text in
      try TextEncoderShelf(text, backend: backend, releases: folder.traits.releasesEncoder)
    }
    transformers = try TransformerShelf(folder, backend: backend, adapters)
    autoencoder = try folder.autoencoder.load(backend: backend, encoder: false, tiling: folder.tiling)
    tokenizer = try making?.value()
    if let text = folder.text, let tokenizer, tokenizer.vocabularySize > text.configuration.vocabularySize {
      throw ConfigurationError.wrong(
        file: text.tokenizer.path,
        reason: "\(tokenizer.vocabularySize) pieces, but the text encoder knows \(text.configuration.vocabularySize)")
    }
  }

  /// The autoencoder's other half, which only drawing from a picture needs.
  static func encoder(_ folder: ModelFolder, backend: Backend) throws -> any Autoencoder {
    try folder.autoencoder.load(backend: backend, encoder: true)
  }
}
