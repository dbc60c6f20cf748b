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
    /// The same, of the schedules whose timesteps count from 1.
    case denoiserVP = "denoiser-vp"
    /// ε = tanh(a·x + b·t + c), t on the original scale: the state grows to about 50.
    case tanh
    /// v = (x − tanh(p·x + q)) / t of a straight path, t in 0…1.
    case flow
    /// F/σ = (cos a · x − tanh(p·σ·x + q)) / sin a of a circle in units of the data's σ.
    case trigflow
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
  /// σ of the data; 1 where it is not told.
  package var sigma: Double?
  package var variance: Variance?
  /// What σ is multiplied with to be told.
  package var timestepScale: Double?

  enum CodingKeys: String, CodingKey {
    case kind, p, q, a, b, c, variance
    case sigma = "sigma_data", timestepScale = "timestep_scale"
  }

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
    try self(latents, at: schedule.level(timestep: Double(timestep)))
  }

  /// - Parameters:
  ///   - level: of which the timestep is told, and the shares of picture and noise are known.
  ///   - says: of the denoiser.
  package func callAsFunction(_ latents: Tensor, at level: NoiseLevel, says: PredictionKind = .noise) throws -> Prediction {
    func original(_ x: Double) -> Double { Foundation.tanh((p ?? 1) * x + (q ?? 0)) }
    let logits = try variance.map { try self.logits(latents, $0) }
    switch kind {
    case .denoiser, .denoiserVP:
      let output = try map(latents) { x in
        let noise = (x - level.signal * original(x)) / level.noise
        return says == .velocity ? level.signal * noise - level.noise * original(x) : noise
      }
      return Prediction(output, says, varianceLogits: logits)
    case .tanh:
      let output = try map(latents) { Foundation.tanh((a ?? 1) * $0 + (b ?? 0) * level.timestep + (c ?? 0)) }
      return Prediction(output, says, varianceLogits: logits)
    case .flow:
      let share = level.timestep / (timestepScale ?? 1)
      return Prediction(try map(latents) { x in (x - original(x)) / share }, .flow)
    case .trigflow:
      let unit = sigma ?? 1
      return Prediction(try map(latents) { x in (level.signal * x - original(unit * x)) / level.noise }, .velocity)
    }
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
