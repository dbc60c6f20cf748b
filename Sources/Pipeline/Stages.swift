import Autoencoder
import Checkpoints
import Foundation
import Tensors
import Text
import Transformer

/// The loaded stages of one model.
public struct Stages: Sendable {
  public let tokenizer: Tokenizer
  public let textEncoder: T5Encoder
  public let transformer: any DiffusionTransformer
  public let autoencoder: any Autoencoder

  /// Loads the weights of a model folder.
  /// - Throws: one-line errors of the stages, naming file and tensor.
  public init(_ folder: ModelFolder, backend: Backend) throws {
    let part = { (path: String) in folder.url.appendingPathComponent(path) }
    tokenizer = try folder.tokenizer()
    textEncoder = try T5Encoder(
      folder.textEncoder, checkpoint: openCheckpoint(at: part("text_encoder")), backend: backend)
    guard tokenizer.vocabularySize <= folder.textEncoder.vocabularySize else {
      throw ConfigurationError.wrong(
        file: part("tokenizer/spiece.model").path,
        reason: "\(tokenizer.vocabularySize) pieces, but the text encoder knows \(folder.textEncoder.vocabularySize)")
    }
    transformer = try DiT(
      folder.transformer, checkpoint: openCheckpoint(at: part("transformer")), names: .ours, backend: backend)
    let vae = try openCheckpoint(at: part("vae"))
    autoencoder = try TinyAutoencoder(
      folder.autoencoder, decoder: vae.scoped("decoder."), encoder: nil, backend: backend)
  }

  /// The autoencoder's other half, which only drawing from a picture needs.
  static func encoder(_ folder: ModelFolder, backend: Backend) throws -> any Autoencoder {
    let vae = try openCheckpoint(at: folder.url.appendingPathComponent("vae")).scoped("encoder.")
    guard !vae.records.isEmpty else { throw AutoencoderError.noEncoder }
    return try TinyAutoencoder(folder.autoencoder, decoder: nil, encoder: vae, backend: backend)
  }
}
