import DiTTensors

/// What a step leaves behind.
package struct SamplerStep: Sendable {
  /// The state at the step's target level, [B, C, H, W].
  package let latents: Tensor
  /// The clean picture as the model sees it now, [B, C, H, W]: decode it to show progress.
  package let predictedOriginal: Tensor

  package init(latents: Tensor, predictedOriginal: Tensor) {
    self.latents = latents
    self.predictedOriginal = predictedOriginal
  }
}
