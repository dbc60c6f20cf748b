import Foundation

/// The shapes of a noise schedule, named as in `beta_schedule` of a diffusers scheduler configuration.
package enum BetaSchedule: String, Sendable, CaseIterable, Codable {
  /// Evenly spaced betas (2006.11239); DiT and PixArt.
  case linear
  /// Evenly spaced √β (latent diffusion, 2112.10752); Stable Diffusion and U-ViT.
  case scaledLinear = "scaled_linear"
  /// ᾱ follows a squared cosine (2102.09672, eq. 17), betas capped at 0.999.
  case cosine = "squaredcos_cap_v2"

  func betas(_ count: Int, from start: Double, to end: Double) -> [Double] {
    switch self {
    case .linear:
      return linspace(start, end, count)
    case .scaledLinear:
      return linspace(start.squareRoot(), end.squareRoot(), count).map { $0 * $0 }
    case .cosine:
      let remaining = { (t: Double) in
        let cosine = cos((t / Double(count) + 0.008) / 1.008 * .pi / 2)
        return cosine * cosine
      }
      return (0..<count).map { min(1 - remaining(Double($0) + 1) / remaining(Double($0)), 0.999) }
    }
  }
}

/// `count` evenly spaced numbers, both ends included, rounded as numpy does: start + i · step, and the end itself.
func linspace(_ start: Double, _ end: Double, _ count: Int) -> [Double] {
  guard count > 1 else { return count == 1 ? [start] : [] }
  let step = (end - start) / Double(count - 1)
  return (0..<count).map { $0 == count - 1 ? end : start + Double($0) * step }
}
