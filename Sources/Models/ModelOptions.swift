import DiTAutoencoder
import Foundation
import DiTTransformer

/// What a user says about a model beyond where it is.
public struct ModelOptions: Sendable {
  /// An autoencoder in place of the model's own, or for a file that has none.
  public var autoencoder: URL?
  /// A T5 folder or file (with its tokenizer inside or beside it) for a file that has none.
  public var textEncoder: URL?
  /// A tokenizer's file or folder, where it lies elsewhere.
  public var tokenizer: URL?
  /// The side in pixels that a model was trained at, for a file that does not tell.
  public var baseSize: Int?
  /// Of a UniDiffuser: its caption decoder, GPT-2's pieces for captions, and CLIP's encoder of pictures, where they lie elsewhere.
  package var captionDecoder, captionTokenizer, imageEncoder: URL?
  /// Whose arithmetic a class-conditional DiT or a UniDiffuser follows; nil: that of the program that wrote it, or of its authors.
  public var compatibility: DiTCompatibility?
  /// Adapters that are merged into the transformer when it is loaded, in this order.
  public var adapters: [LoRA] = []
  /// Whether large pictures are decoded in tiles.
  public var tiling = Tiling.automatic

  /// Nothing but what is named; tiling is automatic.
  public init(
    autoencoder: URL? = nil, textEncoder: URL? = nil, compatibility: DiTCompatibility? = nil, adapters: [LoRA] = []
  ) {
    self.autoencoder = autoencoder
    self.textEncoder = textEncoder
    self.compatibility = compatibility
    self.adapters = adapters
  }
}
