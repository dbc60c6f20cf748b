import DiTCheckpoints
import DiTTensors

/// Text states to the transformer's width: linear, GELU, linear (PixArt, arXiv 2310.00426; SANA).
struct CaptionProjection {
  private let first, second: Linear  // [D, caption], [D, D]

  init(_ d: Int, captionSize: Int, _ parameters: Parameters) throws {
    let stage = parameters.stage("text keys and values", .picture).scoped("y_embedder.y_proj.")
    first = try stage.linear("fc1", d, captionSize, on: .text)
    second = try stage.linear("fc2", d, d, on: .text)
  }

  /// [tokens, caption] -> [tokens, D].
  func callAsFunction(_ states: Tensor, type: ElementType = .f32, _ backend: Backend) throws -> Tensor {
    let hidden = try backend.applied(first, to: states, activation: .geluTanh, type: backend.activationType)
    return try backend.applied(second, to: hidden, type: type)
  }
}
