import Tensors

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

  public var scale: Float
  public var channels: Channels
  /// Timesteps, on the original scale, where guidance acts; nil for all. Limiting it to the middle of the run keeps
  /// variety and saves half the work outside (Kynkäänniemi et al., 2404.07724).
  public var interval: ClosedRange<Float>?

  public init(scale: Float, channels: Channels = .all, interval: ClosedRange<Float>? = nil) {
    self.scale = scale
    self.channels = channels
    self.interval = interval
  }

  /// Whether the unconditional prediction is needed at this timestep. If not, use the conditional one alone.
  public func isActive(at timestep: Float) -> Bool {
    scale != 1 && (interval?.contains(timestep) ?? true)
  }

  /// The guided prediction. Variance logits, and channels that are not guided, stay conditional.
  /// - Parameters: both predictions with noise of one shape [B, C, H, W].
  public func combine(conditional: Prediction, unconditional: Prediction) -> Prediction {
    let shape = conditional.noise.shape
    precondition(shape.count == 4 && shape == unconditional.noise.shape, "both predictions are [B, C, H, W]")
    let picture = shape[1] * shape[2] * shape[3]
    let guided = channels.count(of: shape[1]) * shape[2] * shape[3]
    let noise = conditional.noise.copy()  // [B, C, H, W]
    noise.withFloats { target in
      unconditional.noise.withFloats { other in
        for start in stride(from: 0, to: target.count, by: picture) {
          for index in start..<start + guided {
            target[index] = other[index] + scale * (target[index] - other[index])
          }
        }
      }
    }
    return Prediction(noise: noise, varianceLogits: conditional.varianceLogits)
  }
}
