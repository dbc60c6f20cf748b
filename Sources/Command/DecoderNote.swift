import DiTAutoencoder
import DiTModels
import DiTTextToImage
import Foundation

/// With few steps a large decoder takes much of the time: that a small one does nearly as well, a user should know.
enum DecoderNote {
  /// Nil where the decoder is small beside the steps.
  static func text(_ request: GenerationRequest, _ folder: ModelFolder) -> String? {
    guard folder.autoencoder.configuration is AutoencoderKLConfiguration, folder.steps(of: request) <= 8,
      let share = try? folder.decodingShare(of: request), share >= 0.25
    else { return nil }
    return String(format: "the decoder takes %.0f %% of this picture's multiply-adds; ", 100 * share)
      + "TAESD (github.com/madebyollin/taesd) draws nearly the same in a fraction: name it with --vae"
  }
}
