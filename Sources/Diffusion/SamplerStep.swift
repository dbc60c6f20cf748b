import Tensors

/// What a step leaves behind.
public struct SamplerStep: Sendable {
  /// The state at the step's target level, [B, C, H, W].
  public let latents: Tensor
  /// The clean picture as the model sees it now, [B, C, H, W]: decode it to show progress.
  public let predictedOriginal: Tensor

  public init(latents: Tensor, predictedOriginal: Tensor) {
    self.latents = latents
    self.predictedOriginal = predictedOriginal
  }
}
