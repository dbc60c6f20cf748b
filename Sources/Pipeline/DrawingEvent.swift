/// What a drawing tells while it is made, in this order; lists have one entry for each request.
public enum DrawingEvent: Sendable {
  /// The clean pictures as the model foresees them after a step, counted from 1.
  case predictedOriginal(step: Int, [Latents])
  /// So many steps of all are done.
  case step(Int, of: Int)
  /// Where the pictures looked in a block, counted from 0; at the end, and only where it was asked for.
  case attention(block: Int, [AttentionMap])
  /// Latents become pixels now.
  case decoding
  /// Always the last one.
  case finished([GeneratedPicture])
}
