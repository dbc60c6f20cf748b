
import DiTTensors

/// Sizes and constants that all blocks of a transformer share.
struct BlockShape: Sendable {
  var hiddenSize: Int
  var heads: Int
  var mlpSize: Int
  var normEps: Float = 1e-6
  /// Epsilon of the norm before the MLP.
  var mlpNormEps: Float = 1e-6
  /// DiT and PixArt approximate GELU by tanh; U-ViT computes it exactly.
  var activation = Activation.geluTanh

  var headSize: Int { hiddenSize / heads }
}
