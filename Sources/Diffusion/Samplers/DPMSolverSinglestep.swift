import DiTTensors
import Foundation

/// DPM-Solver++ in single steps of third order (Lu et al., 2206.00927 and 2211.01095), as the repositories of U-ViT and
/// UniDiffuser run it.
///
/// The steps are taken in blocks of three. What the model says within a block serves that block alone: the second and the
/// third time it is asked about states on the way, and the block ends with all it said. What is left of the steps makes a
/// block of two or one at the end.
package struct DPMSolverSinglestep: Sampler {
  package static let name = "dpm++3s"
  package static let summary = "DPM-Solver++ in single steps, third order; U-ViT's, 30 to 50 steps"
  package static let spacing = Spacing.continuous

  package let plan: StepPlan
  private let clipping: Clipping?
  /// For each step the first of its block, and how many the block has.
  private let blocks: [(start: Int, order: Int)]
  /// The state that the block began with, and what the model has said in it.
  private var start: Tensor?
  private var originals: [Tensor] = []

  package init(plan: StepPlan, settings: SamplerSettings) {
    self.plan = plan
    clipping = settings.clipping
    blocks = Self.orders(plan).reduce(into: []) { blocks, order in
      blocks += Array(repeating: (blocks.count, order), count: order)
    }
  }

  /// The original's runs end where a little noise is left; on the way of another spacing to none, the last step is one of its
  /// own, in first order.
  package static func plan(_ settings: SamplerSettings, _ schedule: NoiseSchedule) throws -> StepPlan {
    var settings = settings
    if settings.respacing == nil, (settings.spacing ?? spacing) == .continuous { settings.endsAtFirstLevel = true }
    return try usualPlan(settings, schedule)
  }

  /// 3, …, 3 and what is left: 2, 1 after a multiple of three.
  package static func orders(_ plan: StepPlan) -> [Int] {
    let isClean = plan.end.noise == 0
    let count = plan.count - (isClean ? 1 : 0)
    let rest =
      switch count % 3 {
      case 0: count == 0 ? [] : [2, 1]
      case 1: [1]
      default: [2]
      }
    return Array(repeating: 3, count: (count - rest.reduce(0, +)) / 3) + rest + (isClean ? [1] : [])
  }

  package mutating func step(
    _ index: Int, _ latents: Tensor, predict: (Tensor, Int) throws -> Prediction, noise: () throws -> Tensor
  ) throws -> SamplerStep {
    let original = try predict(latents, index).original(of: latents, at: plan.levels[index], clipping)
    let block = blocks[index]
    if index == block.start { (start, originals) = (latents, []) }
    originals.append(original)
    let next = try state(after: index - block.start, of: block)
    if index == block.start + block.order - 1 { (start, originals) = (nil, []) }
    return SamplerStep(latents: next, predictedOriginal: original)
  }

  /// x = (σ/σₛ) xₛ − α (e^{−h} − 1) mₛ, and slopes of what the model said since: of half a step's form at the end of a block
  /// of two, of the third order's elsewhere.
  private func state(after place: Int, of block: (start: Int, order: Int)) throws -> Tensor {
    guard let start else { preconditionFailure("steps are taken in order") }
    let from = plan.levels[block.start]
    let to = plan.target(block.start + place)
    let length = to.lambda - from.lambda
    let gain = -to.signal * expm1(-length)
    var terms = [(to.noise / from.noise, start), (gain, originals[0])]
    if place > 0 {
      // How far on the way the model was asked last. Rounding can repeat a level: no length has no slope.
      let share = (plan.levels[block.start + place].lambda - from.lambda) / length
      let slope =
        switch (place, block.order) {
        case _ where !(share > 0) || !share.isFinite || !(length > 0): 0.0
        case (1, 2): gain / (2 * share)
        default: to.signal * (expm1(-length) / length + 1) / share
        }
      terms[1].0 -= slope
      terms.append((slope, originals[place]))
    }
    return try weightedSum(terms)
  }
}
