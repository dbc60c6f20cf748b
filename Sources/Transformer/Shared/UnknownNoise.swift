import DiTTensors

/// Noise that stands for what a picture's model is told nothing of: fresh at every evaluation, and the same in all of its branches.
///
/// Not for use by several threads at a time, as a run is not.
package final class UnknownNoise: @unchecked Sendable {
  /// Of one modality of one picture, [1] + the shape of each part.
  package typealias Draw = (_ modality: Modality, _ shapes: [[Int]], _ evaluation: Int) throws -> [Tensor]

  private let draw: Draw
  private let isFresh: Bool
  private var last: [Modality: (evaluation: Int, noise: [Tensor])] = [:]

  /// - Parameter isFresh: whether each evaluation has its own; diffusers keeps one for a whole run in some of its modes.
  package init(isFresh: Bool = true, draw: @escaping Draw) { (self.isFresh, self.draw) = (isFresh, draw) }

  func callAsFunction(_ modality: Modality, _ shapes: [[Int]], evaluation: Int) throws -> [Tensor] {
    if let last = last[modality], last.evaluation == evaluation || !isFresh { return last.noise }
    let noise = try draw(modality, shapes, evaluation)
    last[modality] = (evaluation, noise)
    return noise
  }
}
