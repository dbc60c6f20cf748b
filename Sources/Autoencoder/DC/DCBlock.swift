import DiTCheckpoints
import DiTTensors

/// A block of a level, on float32 pixels [1, h, w, C].
enum DCBlock {
  case residual(DCResBlock)
  /// EfficientViT's: attention, then a gated convolution.
  case attention(MultiscaleAttention, GatedConvolution)

  /// - Parameter parameters: the block's own.
  init(
    _ level: DCLevel, headSize: Int, tiling: Tiling, _ parameters: Parameters, on rows: Rows, precise: Bool
  ) throws {
    self = level.attends
      ? .attention(
        try MultiscaleAttention(
          level, headSize: headSize, tiling: tiling, parameters.scoped("attn."), on: rows, precise: precise),
        try GatedConvolution(level.channels, tiling: tiling, parameters.scoped("conv_out."), on: rows, precise: precise))
      : .residual(try DCResBlock(level, parameters, on: rows, precise: precise))
  }

  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    switch self {
    case .residual(let block): try block(x, on: backend)
    case .attention(let attention, let convolution): try convolution(attention(x, on: backend), on: backend)
    }
  }
}
