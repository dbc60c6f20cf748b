import DiTTensors

/// How a predicted picture is held within bounds: for models of pixels, and where a scheduler's configuration asks for it.
package struct Clipping: Sendable, Equatable {
  package enum Bounds: Sendable, Equatable {
    /// Values are held within ±range.
    case range(Double)
    /// Dynamic thresholding (Saharia et al., 2205.11487): the share `ratio` of a picture's values keeps within ±s, where
    /// s is 1 to `maximum`; the others are held there, and all divided by s.
    case dynamic(ratio: Double, maximum: Double)
  }

  package var bounds: Bounds
  /// Whether DDIM takes the noise from the clipped picture, as the DiT repository does; diffusers does not.
  package var movesNoise = true

  package init(_ bounds: Bounds, movesNoise: Bool = true) { (self.bounds, self.movesNoise) = (bounds, movesNoise) }

  /// - Parameter pictures: [B, C, H, W]; written to.
  func apply(to pictures: Tensor) {
    let size = pictures.count / max(1, pictures.shape[0])
    pictures.withFloats { values in
      for start in stride(from: 0, to: values.count, by: max(1, size)) {
        let picture = UnsafeMutableBufferPointer(rebasing: values[start..<start + size])
        let (limit, divisor): (Float, Float) =
          switch bounds {
          case .range(let range): (Float(range), 1)
          case .dynamic(let ratio, let maximum):
            { ($0, $0) }(Float(min(max(quantile(ratio, of: picture), 1), maximum)))
          }
        for index in picture.indices { picture[index] = min(max(picture[index], -limit), limit) / divisor }
      }
    }
  }

  /// The value below which a share of the magnitudes lies, between neighbours by a straight line, as `torch.quantile`.
  private func quantile(_ ratio: Double, of values: UnsafeMutableBufferPointer<Float>) -> Double {
    let sorted = values.map { Swift.abs($0) }.sorted()
    let at = ratio * Double(sorted.count - 1)
    let below = Int(at)
    let above = min(below + 1, sorted.count - 1)
    return Double(sorted[below]) + (at - Double(below)) * Double(sorted[above] - sorted[below])
  }
}
