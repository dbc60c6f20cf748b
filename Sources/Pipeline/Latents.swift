import DiTTensors

/// The latents of one picture, as the transformer sees them: ``TextToImage/picture(of:)`` shows what they look like.
public struct Latents: Sendable {
  /// [C, h, w], written by nobody any more.
  package let tensor: Tensor

  /// Channels, rows and columns; each number stands for a square of pixels (8×8 in most models).
  public var shape: [Int] { tensor.shape }
  /// Row by row, channel after channel.
  public var values: [Float] { tensor.array }

  /// - Parameter tensor: [C, h, w] or [1, C, h, w], that nobody writes to from now on.
  init(_ tensor: Tensor) { self.tensor = tensor.reshaped(Array(tensor.shape.suffix(3))) }

  /// Those of each picture of a batch [N, C, h, w].
  static func each(of batch: Tensor) -> [Latents] { (0..<batch.shape[0]).map { Latents(batch.slice($0, count: 1)) } }
}
