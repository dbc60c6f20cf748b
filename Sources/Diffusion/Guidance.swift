import DiTTensors

/// Classifier-free guidance (Ho & Salimans, 2207.12598): ε = εᵤ + s (ε_c − εᵤ).
///
/// The scale is DiT's: 1 leaves the conditional prediction as it is.
public struct Guidance: Sendable, Equatable {
  /// Which noise channels are guided.
  public enum Channels: String, Sendable, CaseIterable {
    /// Every one.
    case all
    /// The first three, as in DiT's published sampling code; the others stay conditional.
    case official

    fileprivate func count(of channels: Int) -> Int { self == .all ? channels : min(3, channels) }
  }

  package var scale: Float
  package var channels: Channels
  /// Timesteps, on the original scale, where guidance acts; nil for all. Limiting it to the middle of the run keeps
  /// variety and saves half the work outside (Kynkäänniemi et al., 2404.07724).
  package var interval: ClosedRange<Float>?
  /// How much is kept, 0 to 1, of the part of guidance along the picture that the conditional branch foresees: that part
  /// only makes contrast and colours grow with the scale. 0 is adaptive projected guidance (Sadat et al., 2410.02416)
  /// without its momentum and its bound.
  package var parallel: Float

  package init(scale: Float, channels: Channels = .all, interval: ClosedRange<Float>? = nil, parallel: Float = 1) {
    self.scale = scale
    self.channels = channels
    self.interval = interval
    self.parallel = parallel
  }

  /// Whether the unconditional prediction is needed at this timestep. If not, use the conditional one alone.
  package func isActive(at timestep: Float) -> Bool {
    scale != 1 && (interval?.contains(timestep) ?? true)
  }

  /// The guided prediction. Variance logits, and channels that are not guided, stay conditional.
  /// - Parameters: both predictions with noise of one shape [B, C, H, W].
  package func combine(conditional: Prediction, unconditional: Prediction) throws -> Prediction {
    let shape = conditional.output.shape
    precondition(shape.count == 4 && shape == unconditional.output.shape, "both predictions are [B, C, H, W]")
    let output = try conditional.output.copy()  // [B, C, H, W]
    output.withFloats { target in
      unconditional.output.withFloats { other in
        for range in guidedRanges(shape) {
          for index in range { target[index] = other[index] + scale * (target[index] - other[index]) }
        }
      }
    }
    return Prediction(output, conditional.kind, varianceLogits: conditional.varianceLogits)
  }

  /// A combined prediction with ``parallel`` alone of its part along the predicted x₀ = (x − √(1−ᾱ)·ε_c) / √ᾱ;
  /// for each picture by itself. Of which kind the predictions are does not matter: the part is the same share of each.
  /// - Parameter latents: x, [B, C, H, W], at `level`.
  package func projected(
    _ guided: Prediction, conditional: Prediction, latents: Tensor, at level: NoiseLevel
  ) throws -> Prediction {
    guard parallel != 1 else { return guided }
    let foreseen =  // √ᾱ·x₀, or x₀: its direction counts
      conditional.kind == .noise
      ? try weightedSum((1, latents), (-level.noise, conditional.output)) : try conditional.original(of: latents, at: level)
    let output = try guided.output.copy()
    output.withFloats { output in
      foreseen.withFloats { foreseen in
        conditional.output.withFloats { conditional in
          for range in guidedRanges(latents.shape) {
            var (along, square) = (0.0, 0.0)
            for i in range {
              along += Double(output[i] - conditional[i]) * Double(foreseen[i])
              square += Double(foreseen[i]) * Double(foreseen[i])
            }
            guard square > 0 else { continue }
            let surplus = Float(Double(1 - parallel) * along / square)
            for i in range { output[i] -= surplus * foreseen[i] }
          }
        }
      }
    }
    return Prediction(output, guided.kind, varianceLogits: guided.varianceLogits)
  }

  /// Where each picture of [B, C, H, W] has its guided channels.
  private func guidedRanges(_ shape: [Int]) -> [Range<Int>] {
    let area = shape[2] * shape[3]
    return (0..<shape[0]).map { $0 * shape[1] * area..<($0 * shape[1] + channels.count(of: shape[1])) * area }
  }
}
