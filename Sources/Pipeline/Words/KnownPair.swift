import DiTDiffusion
import DiTTransformer

/// What is known of one picture and its words, from which its conditions are made.
package struct KnownPair: Sendable {
  package var classIndex: Int?
  package var words: ConditionSegment?
  /// Of the other branch of guidance.
  package var negative: ConditionSegment?
  package var picture: ConditionSegment?
  package var extent: PictureExtent?
  /// See ``Condition/guidance``.
  package var guidance: Float?

  package init() {}

  /// What a step of a mode is told.
  /// - Parameter unknown: see ``Condition/unknown``.
  package func condition(_ step: UniDiffuserMode, _ unknown: UnknownNoise? = nil) -> Condition {
    var segments = classIndex.map { [ConditionSegment.classIndex($0)] } ?? []
    if step.text == .given, let words { segments.append(words) }
    if step.image == .given, let picture { segments.append(picture) }
    return condition(segments, drawing: step.drawn, unknown)
  }

  /// The other branch of guidance for what is drawn: nothing is known of the rest, but the negative prompt.
  package func branch(_ drawn: Modality, _ unknown: UnknownNoise? = nil) -> Condition {
    condition(drawn == .image ? [negative].compactMap { $0 } : [], drawing: [drawn], unknown)
  }

  private func condition(_ segments: [ConditionSegment], drawing drawn: [Modality], _ unknown: UnknownNoise?) -> Condition {
    var condition = Condition(segments, extent: extent)
    (condition.draws, condition.unknown, condition.guidance) = (drawn, unknown, guidance)
    return condition
  }
}
