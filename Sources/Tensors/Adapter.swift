/// A change of low rank to a linear layer, beside its weights: x (W + scale · B A)ᵀ (LoRA, Hu et al., arXiv 2106.09685).
///
/// `@unchecked Sendable`: written by whoever teaches it, between the steps of the one backend with a tape that reads it.
package final class Adapter: @unchecked Sendable {
  /// A, [rank, inputs].
  package let down: Tensor
  /// Bᵀ, [rank, outputs].
  package let up: Tensor
  /// Of B A; 0: the layer is as it was.
  package var scale: Float
  /// What the way back adds to, as `down` and `up`.
  package let downGradient, upGradient: Tensor

  package var rank: Int { down.rows }

  /// - Throws: ``BackendError/shape(_:)`` where the ranks differ.
  package init(down: Tensor, up: Tensor, scale: Float) throws {
    guard down.shape.count == 2, up.shape.count == 2, down.rows == up.rows, down.type == .f32, up.type == .f32 else {
      throw BackendError.shape("an adapter \(down.shape) and \(up.shape)")
    }
    (self.down, self.up, self.scale) = (down, up, scale)
    (downGradient, upGradient) = (try Tensor(down.shape), try Tensor(up.shape))
  }
}
