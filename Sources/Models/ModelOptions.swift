import DiTAutoencoder
import Foundation
import DiTTransformer

/// What a user says about a model beyond where it is.
package struct ModelOptions: Sendable {
  /// An autoencoder in place of the model's own, or for a file that has none.
  package var autoencoder: URL?
  /// A T5 folder (with its tokenizer inside or beside it) for a file that has none.
  package var textEncoder: URL?
  /// Whose arithmetic a class-conditional DiT follows; nil: that of the program that wrote it.
  package var compatibility: DiTCompatibility?
  /// Whether large pictures are decoded in tiles.
  package var tiling = Tiling.automatic

  package init(autoencoder: URL? = nil, textEncoder: URL? = nil, compatibility: DiTCompatibility? = nil) {
    self.autoencoder = autoencoder
    self.textEncoder = textEncoder
    self.compatibility = compatibility
  }
}
