import DiTTensors

/// What a text encoder shows of one text, [tokens, d].
extension ProbePoint {
  package static let textEmbedding = ProbePoint(.text, "embed")
  package static func textAttention(_ block: Int) -> ProbePoint { ProbePoint(.text, "block", block, "_after_attention") }
  package static func textBlock(_ block: Int) -> ProbePoint { ProbePoint(.text, "block", block) }
  /// What the attention and the feed-forward of a Gemma's layer add, before their norms, and the layer's states.
  package static func layerAttention(_ layer: Int) -> ProbePoint { ProbePoint(.text, "layer", layer, "_attention") }
  package static func layerFeedForward(_ layer: Int) -> ProbePoint { ProbePoint(.text, "layer", layer, "_mlp") }
  package static func layer(_ layer: Int) -> ProbePoint { ProbePoint(.text, "layer", layer) }
  /// Class token and patches of CLIP's encoder of pictures, with their positions.
  package static let visionTokens = ProbePoint(.text, "tokens")
  /// What the final norm reads.
  package static let textBlocks = ProbePoint(.text, "before_final_norm")
}
