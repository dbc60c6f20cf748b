import DiTTensors

/// A run whose evaluation can be computed in pieces, each for some of its conditions: what lets a cache leave out blocks.
///
///     latents → embed → blocks 0 ..< blockCount → finish → output
package protocol StagedRun: TransformerRun {
  var blockCount: Int { get }
  /// Tokens of one picture between the blocks.
  var sequence: Int { get }

  /// What the first block reads, [chosen · sequence, D] float32; written over by the next call.
  /// - Parameters:
  ///   - latents: [chosen, C, H, W].
  ///   - chosen: which of the run's conditions these are.
  func embed(_ latents: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws -> Tensor
  /// Advances `x` in place by some of the blocks, which follow those that were last computed.
  func apply(blocks: Range<Int>, to x: Tensor, _ chosen: [Int], evaluation: Int, probe: Probe?) throws
  /// The output for what the last block gave.
  /// - Parameter size: height and width of the latents.
  func finish(_ x: Tensor, _ chosen: [Int], evaluation: Int, size: [Int], probe: Probe?) throws -> Tensor
}

extension StagedRun {
  package func predict(_ latents: Tensor, evaluation: Int, probe: Probe? = nil) throws -> Tensor {
    let chosen = Array(0..<latents.shape[0])
    let x = try embed(latents, chosen, evaluation: evaluation, probe: probe)
    try apply(blocks: 0..<blockCount, to: x, chosen, evaluation: evaluation, probe: probe)
    return try finish(x, chosen, evaluation: evaluation, size: Array(latents.shape.suffix(2)), probe: probe)
  }
}
