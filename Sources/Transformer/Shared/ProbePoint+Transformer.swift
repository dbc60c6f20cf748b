import DiTTensors

/// What a transformer shows of one evaluation, [B · tokens, D] where nothing else is said.
extension ProbePoint {
  /// Patches with their positions: what the first block reads.
  package static let embedding = ProbePoint(.transformer, "embed")
  /// Timestep and class or size, [B, D].
  package static let conditioning = ProbePoint(.transformer, "c")
  package static func block(_ index: Int) -> ProbePoint { ProbePoint(.transformer, "block", index) }
  /// What the final norm reads.
  package static let blocks = ProbePoint(.transformer, "before_final")
  /// Noise, and variance logits where the model learns them, [B, C or 2·C, h, w].
  package static let output = ProbePoint(.transformer, "output")

  // U-ViT's: its first half are blocks as above.

  /// All tokens with their positions: what the first block reads.
  package static let tokens = ProbePoint(.transformer, "tokens")
  package static let middleBlock = ProbePoint(.transformer, "mid")
  package static func outBlock(_ index: Int) -> ProbePoint { ProbePoint(.transformer, "out_block", index) }
  /// Before they become a picture, [B · tokens, p·p·C].
  package static let predictedPatches = ProbePoint(.transformer, "predicted_patches")
}
