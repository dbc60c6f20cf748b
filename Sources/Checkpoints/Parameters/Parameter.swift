import DiTTensors

/// A parameter as a network declares it.
package struct Parameter: Sendable, Equatable {
  /// Under the names of the network's own authors; a checkpoint may know it by others (``ParameterNames``).
  package var name: String
  package let shape: [Int]
  /// What it holds before anything is learned.
  package let start: Initialisation

  package init(_ name: String, _ shape: [Int], start: Initialisation = .unitGain()) {
    self.name = name
    self.shape = shape
    self.start = start
  }

  package var count: Int { shape.reduce(1, *) }
  /// As a matrix: the first dimension, and the product of the others.
  var rows: Int { shape.first ?? 1 }
  var columns: Int { shape.dropFirst().reduce(1, *) }
}

/// Random numbers that a network computes with like a trained one, though it draws nothing: matrices keep the variance of
/// what they multiply, and gates are half open, so that every branch counts and nothing overflows at any depth.
package enum Initialisation: Sendable, Equatable {
  /// Deviation `times` / √inputs about zero. √2 keeps the power through a ReLU.
  case unitGain(times: Float = 1)
  /// A deviation of its own, about a mean.
  case spread(Float, about: Float = 0)
  /// The bias of a modulation in `chunks` parts, of which every third is a gate: 0.05 about 0, gates about a half.
  case modulation(chunks: Int)

  /// The matrix that makes shifts, scales and gates: they stay small.
  package static let modulation = unitGain(times: 0.2)
  package static let bias = spread(0.05)
  /// The factor of a norm.
  package static let gain = spread(0.05, about: 1)
  /// Rows of a table.
  package static let table = spread(1)

  func deviation(inputs: Int) -> Float {
    switch self {
    case .unitGain(let times): times * (1 / Float(max(1, inputs)).squareRoot())
    case .spread(let deviation, _): deviation
    case .modulation: 0.05
    }
  }

  /// At a place of `count`.
  func mean(_ place: Int, of count: Int) -> Float {
    switch self {
    case .unitGain: 0
    case .spread(_, let mean): mean
    case .modulation(let chunks): place / max(1, count / chunks) % 3 == 2 ? 0.5 : 0
    }
  }
}
