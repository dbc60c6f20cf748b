
import DiTTensors

/// Sizes and constants that all blocks of a transformer share.
struct BlockShape: Sendable {
  var hiddenSize: Int
  var heads: Int
  var mlpSize: Int
  var normEps: Float = 1e-6
  /// Epsilon of the norm before the MLP.
  var mlpNormEps: Float = 1e-6
  /// The MLP has a convolution of neighbours, and half of its numbers are gates (SANA).
  var mixesNeighbours = false
  /// DiT and PixArt approximate GELU by tanh; U-ViT computes it exactly; SANA has SiLU.
  var activation = Activation.geluTanh

  var headSize: Int { hiddenSize / heads }
}
