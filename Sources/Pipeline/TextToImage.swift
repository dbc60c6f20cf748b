import DiTAutoencoder
import DiTImage
import DiTModels
import DiTTensors
import DiTTransformer
import Foundation

/// A loaded model, from words to pictures: holds the stages of one model together.
///
///     prompt → tokenizer → text encoder → transformer ⇄ sampler → autoencoder → picture
///
/// Nothing in it changes, so that any number of threads may use one; what a drawing changes belongs to a
/// ``DrawingSession``, of which each thread makes its own, or to a ``DrawingQueue``. The engine's threads do one operation
/// at a time: two drawings side by side take as long as one after the other.
public final class TextToImage: Sendable {
  /// Where it was loaded from.
  public let folder: ModelFolder
  /// What it is computed by.
  public let backend: Backend
  package let stages: Stages

  /// Loads a model.
  /// - Throws: one-line errors of the stages, naming file and tensor.
  public convenience init(_ folder: ModelFolder, backend: Backend) throws {
    try self.init(folder, backend: backend, adapters: [])
  }

  /// - Parameter adapters: of the first drawing, so that no transformer is loaded without them.
  package init(_ folder: ModelFolder, backend: Backend, adapters: [LoRA]) throws {
    self.folder = folder
    self.backend = backend
    stages = try Stages(folder, backend: backend, adapters: adapters)
  }

  /// What draws pictures, one after the other.
  /// - Parameter textCache: a folder where text states are kept from run to run.
  /// - Throws: `LoadError` where that cannot be made, or the text encoder's files cannot be read.
  public func makeSession(textCache: URL? = nil) throws -> DrawingSession {
    try DrawingSession(self, textCache: textCache)
  }

  /// Tokens of a prompt that the model does not see because it is too long.
  public func droppedTokens(of prompt: String) -> Int {
    guard let text = folder.text, let tokenizer = stages.tokenizer else { return 0 }
    return text.dropped(from: WeightedPrompt.plain(prompt), by: tokenizer)
  }

  /// What latents look like; a preview takes as long as decoding the picture does.
  /// - Throws: `BackendError` where memory is short.
  public func picture(of latents: Latents) throws -> Picture {
    try Picture(planesOf: stages.autoencoder.decode(latents.tensor.reshaped([1] + latents.shape)))
  }

  /// [C, h, w] of a size.
  package func latentShape(_ size: PictureSize) -> [Int] {
    [
      stages.autoencoder.latentChannels, size.height / stages.autoencoder.scaleFactor,
      size.width / stages.autoencoder.scaleFactor,
    ]
  }

  /// Of latents, which may have been drawn at another size than was asked for.
  package func grid(of latents: Latents) -> Grid {
    Grid(height: latents.shape[1] / folder.transformer.patchSize, width: latents.shape[2] / folder.transformer.patchSize)
  }
}

extension Picture {
  /// - Parameter image: [1, 3, H, W] in 0…1.
  init(planesOf image: Tensor) throws { try self.init(planes: image.array, width: image.shape[3], height: image.shape[2]) }
}
