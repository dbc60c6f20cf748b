import Foundation
import DiTTensors

/// How much noise each training timestep had: the betas of a scheduler configuration and ᾱ, their cumulative product; or,
/// without betas, a straight path or a circle between picture and noise.
///
/// Tables are float64; the reference is `GaussianDiffusion` of the DiT repository (Peebles & Xie, 2212.09748), which
/// keeps OpenAI's guided diffusion.
package struct NoiseSchedule: Sendable {
  /// How the shares of picture and noise go together.
  package enum Path: Sendable, Equatable {
    /// As betas say; the variance is kept.
    case betas
    /// x = (1 − σ) · x₀ + σ · ε with σ = shift·u / (1 + (shift − 1)·u) for even u (flow matching, 2209.03003; the shift of
    /// 2403.03206, section 5.3.2). The model is told `scale` · σ.
    case straight(shift: Double, scale: Double)
    /// x = cos(a) · x₀ + sin(a) · ε (TrigFlow, 2410.11081).
    case circle
  }

  package let path: Path
  /// βₜ for t = 0...T−1; none on other paths.
  package let betas: [Double]
  /// ᾱₜ = Π (1 − βₛ), s ≤ t.
  package let alphasCumprod: [Double]
  /// ln σₜ, ascending; what fractional timesteps are interpolated in.
  private let logSigmas: [Double]
  /// T.
  package let trainTimesteps: Int
  /// No signal is left at the last timestep (2305.08891). Its ᾱ is then 2⁻²⁴, as in diffusers, for samplers in σ space.
  package private(set) var hasZeroTerminal = false
  /// What a model trained on it says of noisy latents.
  package var prediction = PredictionKind.noise

  /// DiT's own: a thousand linear betas from 1e-4 to 0.02 (paper, section 4; σ ends at 157.4).
  package static let dit = NoiseSchedule(validated: BetaSchedule.linear.betas(1000, from: 1e-4, to: 0.02))

  /// From the fields `num_train_timesteps`, `beta_start`, `beta_end` and `beta_schedule` of a scheduler configuration.
  package init(
    _ kind: BetaSchedule = .linear, trainTimesteps: Int = 1000, betaStart: Double = 1e-4, betaEnd: Double = 0.02
  ) throws {
    guard (1...1_000_000).contains(trainTimesteps) else {
      throw DiffusionError.schedule("num_train_timesteps is \(trainTimesteps), it must be 1 to 1000000")
    }
    guard kind == .cosine || (betaStart > 0 && betaStart <= betaEnd && betaEnd < 1) else {
      throw DiffusionError.schedule("betas from \(betaStart) to \(betaEnd) must satisfy 0 < start <= end < 1")
    }
    try self.init(betas: kind.betas(trainTimesteps, from: betaStart, to: betaEnd))
  }

  /// From betas themselves (`trained_betas`), one a training timestep, each strictly between 0 and 1.
  package init(betas: [Double]) throws {
    guard !betas.isEmpty else { throw DiffusionError.schedule("there are no betas") }
    if let index = betas.firstIndex(where: { !($0 > 0 && $0 < 1) }) {
      throw DiffusionError.schedule("beta \(index) is \(betas[index]), it must lie between 0 and 1")
    }
    self.init(validated: betas)
    guard logSigmas.allSatisfy(\.isFinite) else {
      throw DiffusionError.schedule("the betas leave no signal (alphas_cumprod reaches 0)")
    }
  }

  private init(validated betas: [Double]) {
    var product = 1.0
    let cumulative = betas.map { beta in
      product *= 1 - beta
      return product
    }
    self.init(betas: betas, cumulative)
  }

  private init(betas: [Double], _ cumulative: [Double]) {
    path = .betas
    self.betas = betas
    trainTimesteps = betas.count
    alphasCumprod = cumulative
    logSigmas = cumulative.map { log((1 - $0) / $0) / 2 }
  }

  /// A path without betas. Models on a straight one say the flow, those on a circle its velocity.
  /// - Parameter trainTimesteps: at most so many steps.
  package init(_ path: Path, trainTimesteps: Int = 1000) {
    self.path = path
    self.trainTimesteps = trainTimesteps
    (betas, alphasCumprod, logSigmas) = ([], [], [])
    prediction = path == .circle ? .velocity : .flow
  }

  /// With √ᾱ moved and stretched so that it ends at 0 and begins as before (2305.08891, algorithm 1).
  package func rescaledToZeroTerminal() throws -> NoiseSchedule {
    let roots = alphasCumprod.map { $0.squareRoot() }
    guard let first = roots.first, let last = roots.last, first > last else {
      throw DiffusionError.schedule("betas that do not grow cannot be rescaled to zero terminal SNR")
    }
    var cumulative = roots.map { root in
      let rescaled = (root - last) * first / (first - last)
      return rescaled * rescaled
    }
    cumulative[cumulative.count - 1] = 0x1p-24
    let betas = zip(cumulative, [1] + cumulative).map { 1 - $0 / $1 }
    var schedule = NoiseSchedule(betas: betas, cumulative)
    schedule.prediction = prediction
    schedule.hasZeroTerminal = true
    return schedule
  }

  /// The level of a training timestep; fractional ones lie between their neighbours in ln σ, and the ends hold beyond.
  package func level(timestep: Double) -> NoiseLevel {
    switch path {
    case .betas: break
    case .straight(_, let scale): return NoiseLevel(timestep: timestep, straight: timestep / scale)
    case .circle: return NoiseLevel(angle: timestep)
    }
    let last = Double(trainTimesteps - 1)
    let at = min(max(timestep, 0), last)
    let below = Int(at)
    let fraction = at - Double(below)
    if fraction == 0 { return NoiseLevel(timestep: at, alphaCumprod: alphasCumprod[below]) }
    let logSigma = logSigmas[below] + fraction * (logSigmas[below + 1] - logSigmas[below])
    return NoiseLevel(timestep: at, alphaCumprod: 1 / (1 + exp(2 * logSigma)))
  }

  /// As ``level(timestep:)``, but fractional ones lie between their neighbours in σ.
  func level(betweenSigmasAt timestep: Double) -> NoiseLevel {
    let (below, above) = (level(timestep: timestep.rounded(.down)), level(timestep: timestep.rounded(.up)))
    guard above.timestep > below.timestep else { return below }
    let sigma = below.sigma + (timestep - below.timestep) * (above.sigma - below.sigma)
    return NoiseLevel(timestep: timestep, alphaCumprod: 1 / (1 + sigma * sigma))
  }

  /// As ``level(timestep:)``, but fractional ones lie between their neighbours in ln ᾱ.
  package func level(betweenSignalsAt timestep: Double) -> NoiseLevel {
    let (below, above) = (level(timestep: timestep.rounded(.down)), level(timestep: timestep.rounded(.up)))
    guard above.timestep > below.timestep else { return below }
    let (low, high) = (log(below.alphaCumprod), log(above.alphaCumprod))
    return NoiseLevel(timestep: timestep, alphaCumprod: exp(low + (timestep - below.timestep) * (high - low)))
  }

  /// The level on a straight path at u, 0 to 1, before its shift.
  func straightLevel(_ share: Double) -> NoiseLevel {
    guard case .straight(let shift, let scale) = path else { preconditionFailure("the path is not straight") }
    let sigma = NoiseSchedule.shifted(share, by: shift)
    return NoiseLevel(timestep: scale * sigma, straight: sigma)
  }

  /// shift·u / (1 + (shift − 1)·u).
  static func shifted(_ share: Double, by shift: Double) -> Double { shift * share / (1 + (shift - 1) * share) }

  /// The level of a σ, with the fractional timestep that ``level(timestep:)`` gives back this σ for.
  ///
  /// σ outside the training range keeps its value and takes the timestep of the nearest end.
  package func level(sigma: Double) -> NoiseLevel {
    let target = log(sigma)
    var low = 0
    var high = trainTimesteps - 1
    while low + 1 < high {
      let middle = (low + high) / 2
      if logSigmas[middle] <= target { low = middle } else { high = middle }
    }
    let width = logSigmas[high] - logSigmas[low]
    let fraction = width > 0 ? min(max((target - logSigmas[low]) / width, 0), 1) : 0
    return NoiseLevel(timestep: Double(low) + fraction, alphaCumprod: 1 / (1 + sigma * sigma))
  }

  /// Forward noising, q(xₜ | x₀) (2006.11239, eq. 4): √ᾱ · x₀ + √(1−ᾱ) · noise.
  ///
  /// Image-to-image starts here, at the first level of a truncated ``StepPlan``.
  /// - Parameters: `original` and `noise` of one shape, [B, C, H, W].
  package static func noised(_ original: Tensor, with noise: Tensor, at level: NoiseLevel) throws -> Tensor {
    try weightedSum((level.signal, original), (level.noise, noise))  // [B, C, H, W]
  }
}
