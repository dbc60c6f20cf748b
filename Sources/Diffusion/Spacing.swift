import Foundation

/// Which noise levels a run of N steps visits. Most samplers can walk every spacing; each has a favourite.
public enum Spacing: String, Sendable, CaseIterable {
  /// Both ends, whole timesteps, as the DiT repository respaces "N": 999 … 0.
  case respaced
  /// Multiples of ⌊T/N⌋ from 0, as the diffusers DiT pipeline: it never visits 999.
  case leading
  /// N+1 even points rounded to whole timesteps, the last left out, as diffusers' DPM-Solver++: 999 … about 999/N.
  case linear
  /// Both ends, fractional timesteps, as diffusers' Euler and Heun: 999 … 0.
  case inclusive
  /// N+1 even points, fractional, the last left out; between timesteps ln ᾱ is linear, as in DPM-Solver's own code
  /// (2206.00927): 999 … 999/N.
  case continuous
  /// From the noisy end in even strides, rounded (2305.08891, table 2): 999 … T/N − 1.
  case trailing
  /// σ^(1/7) evenly spaced (2206.00364, eq. 5): most steps where there is little noise; fractional timesteps.
  case karras
  /// ln σ evenly spaced; fractional timesteps.
  case exponential
  /// σ at the quantiles of a beta distribution (2407.12173): most steps at both ends; fractional timesteps.
  case beta
  /// Of the timesteps that a consistency model was trained on, those at even places, as diffusers takes them (2310.04378).
  case lcm
  /// Of the same, every n-th, as PixArt-α's own script takes them.
  case lcmStride = "lcm-stride"

  /// Those whose timesteps are whole and above 0, which consistency models need.
  static let ofConsistency: [Spacing] = [.linear, .trailing, .lcm, .lcmStride]

  /// The levels in visiting order, noisiest first.
  /// - Throws: ``DiffusionError/steps(_:limit:)`` unless 1 ≤ steps ≤ T, ``DiffusionError/setting(_:)`` where the path of the
  ///   schedule has no such levels.
  package func levels(
    _ steps: Int, of schedule: NoiseSchedule, _ details: SpacingDetails = SpacingDetails()
  ) throws -> [NoiseLevel] {
    let total = schedule.trainTimesteps
    guard (1...total).contains(steps) else { throw DiffusionError.steps(steps, limit: total) }
    if case .straight(let shift, _) = schedule.path {
      let levels = try straight(steps, shift, nearest: 1 / Double(total)).map(schedule.straightLevel)
      // diffusers tells the model of DPM-Solver++ whole timesteps.
      return self != .linear ? levels : levels.map { NoiseLevel(timestep: $0.timestep.rounded(.down), straight: $0.noise) }
    }
    let used = details.minimumLambda.map { least in
      max(1, (0..<total).count { schedule.level(timestep: Double($0)).lambda >= least })
    } ?? total
    let last = Double(used - 1)
    let timesteps: [Double]
    switch self {
    case .respaced:
      // One step starts from noise here as everywhere; the repository's respacing "1" would visit timestep 0 alone.
      timesteps = steps == 1 ? [last] : try respacedTimesteps("\(steps)", of: total).reversed().map(Double.init)
    case .leading:
      let (first, stride) = details.leavesZeroOut ? (1, used / (steps + 1)) : (0, used / steps)
      timesteps = (first..<first + steps).reversed().map { Double($0 * stride + details.offset) }
      // One may become the last timestep, several would be the same.
      guard timesteps.count(where: { Int($0) >= total }) <= 1 else {
        throw DiffusionError.setting(
          "steps_offset \(details.offset) leads beyond the \(total) timesteps with \(steps) steps; choose other noise levels")
      }
    case .linear:
      timesteps = linspace(0, last, steps + 1).dropFirst().reversed().map { $0.rounded(.toNearestOrEven) }
    case .inclusive:
      timesteps = linspace(last, 0, steps)
    case .continuous:
      return linspace(last, 0, steps + 1).dropLast().map(schedule.level(betweenSignalsAt:))
    case .trailing:
      let stride = Double(total) / Double(steps)
      timesteps = (0..<steps).map { (Double(used) - Double($0) * stride).rounded(.toNearestOrEven) - 1 }.filter { $0 >= 0 }
    case .karras:
      return karras(steps, of: schedule)
    case .exponential:
      return between(steps, of: schedule) { linspace(log($1), log($0), steps).map { exp($0) } }
    case .beta:
      return between(steps, of: schedule) { low, high in
        linspace(1, 0, steps).map { low + betaQuantile($0, shape: 0.6) * (high - low) }
      }
    case .lcm, .lcmStride:
      throw DiffusionError.setting("the levels '\(rawValue)' are those of consistency models; choose the sampler lcm or tcd")
    }
    return timesteps.map(details.interpolatesSigmas ? schedule.level(betweenSigmasAt:) : schedule.level(timestep:))
  }

  /// u for each step on a straight path: as diffusers' flow matching DPM-Solver++ (`linear`) and Euler (`inclusive`), and
  /// from the noisy end in even strides (`trailing`).
  /// - Parameter nearest: u of the training level nearest to the picture.
  private func straight(_ steps: Int, _ shift: Double, nearest: Double) throws -> [Double] {
    switch self {
    // From the end, as numpy rounds it: whole timesteps depend on it.
    case .linear: linspace(1, nearest, steps + 1).dropFirst().reversed().map { 1 - $0 }
    // The last level is shifted before it is spaced, and once more after.
    case .inclusive: linspace(1, NoiseSchedule.shifted(nearest, by: shift), steps)
    case .trailing: (0..<steps).map { 1 - Double($0) / Double(steps) }
    default:
      throw DiffusionError.setting(
        "a model of flow matching has no levels '\(rawValue)'; choose linear, inclusive or trailing")
    }
  }

  /// Levels of given σ between the training ends, which are themselves visited.
  private func between(
    _ steps: Int, of schedule: NoiseSchedule, _ sigmas: (_ low: Double, _ high: Double) -> [Double]
  ) -> [NoiseLevel] {
    let noisiest = schedule.level(timestep: Double(schedule.trainTimesteps - 1))
    let cleanest = schedule.level(timestep: 0)
    return sigmas(cleanest.sigma, noisiest.sigma).enumerated().map { index, sigma in
      if index == 0 { return noisiest }
      return index == steps - 1 ? cleanest : schedule.level(sigma: sigma)
    }
  }

  private func karras(_ steps: Int, of schedule: NoiseSchedule) -> [NoiseLevel] {
    // The ends are the training ends themselves, not their seventh root's seventh power.
    between(steps, of: schedule) { low, high in
      linspace(pow(high, 1 / 7), pow(low, 1 / 7), steps).map { pow($0, 7) }
    }
  }
}
