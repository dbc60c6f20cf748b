/// Is shown intermediate tensors as a model computes them, and copies what it wants to keep; what it throws ends the
/// computation. It is asked after every block of the transformer and the text encoder and every level of the autoencoder,
/// so that a drawing which nobody waits for stops there.
package typealias Probe = (ProbePoint, Tensor) throws -> Void

/// A place where a ``Probe`` looks. Each stage names its own in an extension.
package struct ProbePoint: Hashable, Sendable {
  package enum Stage: Sendable { case text, transformer, drawing, autoencoder }

  package let stage: Stage
  private let before: String
  private let index: Int?
  private let after: String

  package init(_ stage: Stage, _ before: String, _ index: Int? = nil, _ after: String = "") {
    (self.stage, self.before, self.index, self.after) = (stage, before, index, after)
  }

  /// Its name in golden files, which hold `expected.NAME`: "block0" for instance.
  package var name: String { before + (index.map(String.init) ?? "") + after }
}
