/// The noise levels that a run visits, noisiest first, on its way to a clean picture.
///
/// Step i goes from `levels[i]`, where the model is asked, to `target(i)`.
package struct StepPlan: Sendable {
  package let levels: [NoiseLevel]
  /// Where the last step ends.
  package var end = NoiseLevel.clean
  /// Where a step goes before it comes back up to its target; for ``TCD`` alone.
  var intermediate: [NoiseLevel] = []

  package var count: Int { levels.count }

  /// Where step `index` ends: the next level, and after the last one ``end``, which is no noise at all.
  package func target(_ index: Int) -> NoiseLevel {
    index + 1 < levels.count ? levels[index + 1] : end
  }

  /// `steps` levels of a spacing.
  package init(
    _ spacing: Spacing, steps: Int, schedule: NoiseSchedule, _ details: SpacingDetails = SpacingDetails()
  ) throws {
    levels = try spacing.levels(steps, of: schedule, details)
  }

  /// The levels of a DiT respacing: "250", "10,20,5" or "ddim50".
  package init(respacing: String, schedule: NoiseSchedule) throws {
    guard schedule.path == .betas else {
      throw DiffusionError.respacing(respacing, reason: "a model of flow matching has no timesteps to choose from; give steps")
    }
    levels = try respacedTimesteps(respacing, of: schedule.trainTimesteps).reversed().map {
      schedule.level(timestep: Double($0))
    }
  }

  /// Levels as they are, noisiest first.
  package init(levels: [NoiseLevel], end: NoiseLevel = .clean) { (self.levels, self.end) = (levels, end) }

  /// With no signal at all at a timestep.
  func withoutSignal(at timestep: Int) -> StepPlan {
    let levels = levels.map { $0.timestep == Double(timestep) ? NoiseLevel(timestep: $0.timestep, alphaCumprod: 0) : $0 }
    return StepPlan(levels: levels, end: end)
  }

  /// The last ⌊strength · count⌋ levels, at least one: image-to-image enters the run late (SDEdit, 2108.01073).
  ///
  /// Noise the picture to `levels[0]` with ``NoiseSchedule/noised(_:with:at:)`` and run what is left.
  /// - Throws: ``DiffusionError/setting(_:)`` unless 0 < strength ≤ 1.
  package func truncated(strength: Double) throws -> StepPlan {
    guard strength > 0 && strength <= 1 else {
      throw DiffusionError.setting("strength \(strength) must be above 0 and at most 1")
    }
    // The little extra keeps products such as 100 · 0.29 = 28.999… at the 29 that was meant.
    let kept = min(max(Int(Double(count) * strength + 1e-9), 1), count)
    return StepPlan(levels: Array(levels.suffix(kept)), end: end)
  }
}
