import DiTDiffusion
import DiTTensors
import Foundation

/// A model that is a formula, so that samplers can be checked without weights (`dit-t2i verify`).
///
/// Decodes from `model_parameters` in the manifest of the golden sampler runs. Values are computed in float64 and
/// rounded once; a float32 evaluation would lose digits at large t, where 1/√ᾱ is 157.
package struct AnalyticDenoiser: Sendable, Codable, Equatable {
  package enum Kind: String, Sendable, Codable {
    /// x₀ = tanh(p·x + q), so ε = (x − √ᾱ·x₀) / √(1−ᾱ): the state keeps near unit size.
    case denoiser
    /// ε = tanh(a·x + b·t + c), t on the original scale: the state grows to about 50.
    case tanh
  }

  /// The learned variance: v = function(k·x).
  package struct Variance: Sendable, Codable, Equatable {
    package enum Function: String, Sendable, Codable { case sin, cos, tanh }

    package var function: Function
    package var k: Double

    package init(_ function: Function, k: Double) {
      self.function = function
      self.k = k
    }
  }

  package var kind: Kind
  package var p: Double?
  package var q: Double?
  package var a: Double?
  package var b: Double?
  package var c: Double?
  package var variance: Variance?

  /// A denoiser with x₀ = tanh(p·x + q).
  package init(p: Double, q: Double, variance: Variance? = nil) {
    kind = .denoiser
    self.p = p
    self.q = q
    self.variance = variance
  }

  /// - Parameters:
  ///   - latents: any shape.
  ///   - timestep: on the original scale, may be fractional.
  package func callAsFunction(_ latents: Tensor, timestep: Float, schedule: NoiseSchedule = .dit) throws -> Prediction {
    let level = schedule.level(timestep: Double(timestep))
    let noise =
      switch kind {
      case .denoiser:
        try map(latents) { x in
          (x - level.signal * Foundation.tanh((p ?? 1) * x + (q ?? 0))) / level.noise
        }
      case .tanh:
        try map(latents) { x in Foundation.tanh((a ?? 1) * x + (b ?? 0) * level.timestep + (c ?? 0)) }
      }
    return try Prediction(noise: noise, varianceLogits: variance.map { try logits(latents, $0) })
  }

  private func logits(_ latents: Tensor, _ variance: Variance) throws -> Tensor {
    return switch variance.function {
    case .sin: try map(latents) { Foundation.sin(variance.k * $0) }
    case .cos: try map(latents) { Foundation.cos(variance.k * $0) }
    case .tanh: try map(latents) { Foundation.tanh(variance.k * $0) }
    }
  }

  private func map(_ tensor: Tensor, _ body: (Double) -> Double) throws -> Tensor {
    let result = try tensor.copy()
    result.withFloats { values in
      for index in values.indices { values[index] = Float(body(Double(values[index]))) }
    }
    return result
  }
}
