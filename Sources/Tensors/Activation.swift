import DiTCKernels

/// The functions between linears.
package enum Activation: Sendable, CaseIterable {
  case none
  /// GELU by its tanh approximation: DiT, PixArt, T5 v1.1.
  case geluTanh
  /// GELU by the error function: U-ViT, OpenCLIP.
  case geluErf
  /// x · σ(1.702 x): OpenAI's CLIP.
  case geluQuick
  case silu
  case relu

  var kernel: dk_activation {
    switch self {
    case .none: DK_ACT_NONE
    case .geluTanh: DK_ACT_GELU_TANH
    case .geluErf: DK_ACT_GELU_ERF
    case .geluQuick: DK_ACT_GELU_QUICK
    case .silu: DK_ACT_SILU
    case .relu: DK_ACT_RELU
    }
  }
}
