import Foundation

/// The tables of a diffusion with fewer steps: what DDPM needs, index 0 the cleanest step.
///
/// β of step i leads from ᾱᵢ₋₁ to ᾱᵢ of the original schedule (`SpacedDiffusion` of the DiT repository; Nichol &
/// Dhariwal, 2102.09672, section 4). All arrays are float64 with one entry a step.
package struct RespacedSchedule: Sendable {
  /// What the model is told, on the original scale.
  package let timesteps: [Double]
  package let betas: [Double]
  package let logBetas: [Double]
  package let alphasCumprod: [Double]
  /// ᾱ one step nearer to the picture; 1 at index 0.
  package let alphasCumprodPrevious: [Double]
  /// √(1/ᾱ).
  package let sqrtReciprocalAlphasCumprod: [Double]
  /// √(1/ᾱ − 1).
  package let sqrtReciprocalMinusOneAlphasCumprod: [Double]
  /// β̃, the variance of q(xₜ₋₁ | xₜ, x₀) (2006.11239, eq. 7); 0 at index 0.
  package let posteriorVariance: [Double]
  /// ln β̃ with β̃₀ = 0 replaced by β̃₁ (by β₀ when there is one step only).
  package let posteriorLogVarianceClipped: [Double]
  /// Weight of x₀ in the posterior mean (eq. 7).
  package let posteriorMeanOriginal: [Double]
  /// Weight of xₜ in the posterior mean (eq. 7).
  package let posteriorMeanLatents: [Double]

  package init(_ plan: StepPlan) {
    let levels = Array(plan.levels.reversed())
    timesteps = levels.map(\.timestep)
    let kept = [1] + levels.map(\.alphaCumprod)
    let betas = (0..<levels.count).map { 1 - kept[$0 + 1] / kept[$0] }

    // ᾱ is multiplied up again from the new betas, as the reference does: the last digits follow.
    var product = 1.0
    let cumulative = betas.map { beta in
      product *= 1 - beta
      return product
    }
    let previous = [1] + cumulative.dropLast()
    var variance: [Double] = []
    var meanOriginal: [Double] = []
    var meanLatents: [Double] = []
    for (beta, (now, before)) in zip(betas, zip(cumulative, previous)) {
      variance.append(beta * (1 - before) / (1 - now))
      meanOriginal.append(beta * before.squareRoot() / (1 - now))
      meanLatents.append((1 - before) * (1 - beta).squareRoot() / (1 - now))
    }

    self.betas = betas
    logBetas = betas.map { log($0) }
    alphasCumprod = cumulative
    alphasCumprodPrevious = previous
    sqrtReciprocalAlphasCumprod = cumulative.map { (1 / $0).squareRoot() }
    sqrtReciprocalMinusOneAlphasCumprod = cumulative.map { (1 / $0 - 1).squareRoot() }
    posteriorVariance = variance
    let first = variance.count > 1 ? variance[1] : betas[0]
    posteriorLogVarianceClipped = [log(first)] + variance.dropFirst().map { log($0) }
    posteriorMeanOriginal = meanOriginal
    posteriorMeanLatents = meanLatents
  }
}
