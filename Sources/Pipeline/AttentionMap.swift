import DiTTensors

/// Where one picture was looking in one block: cross-attention to the text, averaged over steps and heads.
public struct AttentionMap: Sendable {
  /// [patches or more, tokens], written by nobody any more.
  let tensor: Tensor

  /// Patches row by row; in-context models have two more rows, for timestep and class.
  public var patches: Int { tensor.rows }
  /// Of the longest text that was drawn beside this one; those after the picture's own text get no attention.
  public var tokens: Int { tensor.columns }
  /// `patches` rows of `tokens` shares; each row adds up to 1.
  public var values: [Float] { tensor.array }

  /// Those of each picture of a batch [N, patches or more, tokens].
  static func each(of batch: Tensor) -> [AttentionMap] {
    (0..<batch.shape[0]).map {
      AttentionMap(tensor: batch.slice($0, count: 1).reshaped(Array(batch.shape.dropFirst())))
    }
  }
}
