import Foundation

/// Which noise levels a run of N steps visits. Every sampler can walk every spacing; each has a favourite.
public enum Spacing: String, Sendable, CaseIterable {
  /// Both ends, whole timesteps, as the DiT repository respaces "N": 999 … 0.
  case respaced
  /// Multiples of ⌊T/N⌋ from 0, as the diffusers DiT pipeline: it never visits 999.
  case leading
  /// N+1 even points rounded to whole timesteps, the last left out, as diffusers' DPM-Solver++: 999 … about 999/N.
  case linear
  /// Both ends, fractional timesteps, as diffusers' Euler and Heun: 999 … 0.
  case inclusive
  /// From the noisy end in even strides, rounded (2305.08891, table 2): 999 … T/N − 1.
  case trailing
  /// σ^(1/7) evenly spaced (2206.00364, eq. 5): most steps where there is little noise; fractional timesteps.
  case karras

  /// The levels in visiting order, noisiest first.
  /// - Throws: ``DiffusionError/steps(_:limit:)`` unless 1 ≤ steps ≤ T.
  package func levels(_ steps: Int, of schedule: NoiseSchedule) throws -> [NoiseLevel] {
    let total = schedule.trainTimesteps
    guard (1...total).contains(steps) else { throw DiffusionError.steps(steps, limit: total) }
    let last = Double(total - 1)
    let timesteps: [Double]
    switch self {
    case .respaced:
      // One step starts from noise here as everywhere; the repository's respacing "1" would visit timestep 0 alone.
      timesteps = steps == 1 ? [last] : try respacedTimesteps("\(steps)", of: total).reversed().map(Double.init)
    case .leading:
      timesteps = (0..<steps).reversed().map { Double($0 * (total / steps)) }
    case .linear:
      timesteps = linspace(0, last, steps + 1).dropFirst().reversed().map { $0.rounded(.toNearestOrEven) }
    case .inclusive:
      timesteps = linspace(last, 0, steps)
    case .trailing:
      let stride = Double(total) / Double(steps)
      timesteps = (0..<steps).map { (Double(total) - Double($0) * stride).rounded(.toNearestOrEven) - 1 }
    case .karras:
      return karras(steps, of: schedule)
    }
    return timesteps.map(schedule.level(timestep:))
  }

  private func karras(_ steps: Int, of schedule: NoiseSchedule) -> [NoiseLevel] {
    let noisiest = schedule.level(timestep: Double(schedule.trainTimesteps - 1))
    let cleanest = schedule.level(timestep: 0)
    let roots = linspace(pow(noisiest.sigma, 1 / 7), pow(cleanest.sigma, 1 / 7), steps)
    return roots.enumerated().map { index, root in
      // The ends are the training ends themselves, not their seventh root's seventh power.
      if index == 0 { return noisiest }
      return index == steps - 1 ? cleanest : schedule.level(sigma: pow(root, 7))
    }
  }
}
