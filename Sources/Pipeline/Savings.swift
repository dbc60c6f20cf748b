/// What a drawing may leave out to save time.
package struct Savings: Sendable, Equatable {
  /// Where so little has changed the blocks behind the first are skipped; nil: all are computed.
  package var threshold: Float?
  /// The unconditional branch is computed in every so many guided evaluations (one more in the last third), in the first 9 of
  /// 25 and in the last; between them its difference to the conditional one follows the line through the last two.
  package var guidanceEvery: Int

  package init(threshold: Float? = nil, guidanceEvery: Int = 1) {
    (self.threshold, self.guidanceEvery) = (threshold, guidanceEvery)
  }

  package var isNone: Bool { threshold == nil && guidanceEvery == 1 }
}

/// What was left out of one picture. An evaluation is one of the transformer for one branch of guidance.
package struct SavedWork: Sendable, Equatable {
  /// Evaluations of the picture if nothing were left out.
  package let evaluations: Int
  /// Those whose blocks behind the first were skipped.
  package let skipped: Int
  /// Those that were left out whole: guidance's difference was used again.
  package let reused: Int
  /// Multiply-adds that were left out, in evaluations.
  package let work: Double
  /// What the cache saw: relative changes of the first block's residual.
  package let changes: [Float]

  /// - Parameter tailShare: the part of an evaluation's multiply-adds that skipping leaves out.
  init(evaluations: Int, skipped: Int, reused: Int, tailShare: Double, changes: [Float] = []) {
    self.init(
      evaluations: evaluations, skipped: skipped, reused: reused, work: Double(reused) + Double(skipped) * tailShare,
      changes: changes)
  }

  private init(evaluations: Int, skipped: Int, reused: Int, work: Double, changes: [Float]) {
    (self.evaluations, self.skipped, self.reused, self.work) = (evaluations, skipped, reused, work)
    self.changes = changes
  }

  /// How many times fewer multiply-adds.
  package var factor: Double { Double(evaluations) / (Double(evaluations) - work) }

  package static func + (a: SavedWork, b: SavedWork) -> SavedWork {
    SavedWork(
      evaluations: a.evaluations + b.evaluations, skipped: a.skipped + b.skipped, reused: a.reused + b.reused,
      work: a.work + b.work, changes: a.changes + b.changes)
  }
}

extension SavedWork: CustomStringConvertible {
  /// "14 of 50 evaluations skipped, 11 more guided from memory, 1.9x fewer multiply-adds".
  package var description: String {
    let parts = [
      "\(skipped) of \(evaluations) evaluations skipped", reused > 0 ? "\(reused) more guided from memory" : nil,
      "\((factor * 10).rounded() / 10)x fewer multiply-adds",
    ]
    return parts.compactMap { $0 }.joined(separator: ", ")
  }
}

extension [SavedWork] {
  /// Of several pictures together.
  package var together: SavedWork {
    dropFirst().reduce(first ?? SavedWork(evaluations: 0, skipped: 0, reused: 0, tailShare: 0)) { $0 + $1 }
  }
}
