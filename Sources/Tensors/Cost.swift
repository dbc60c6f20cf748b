/// What something takes: the numbers it stores and the multiply-adds it computes.
///
/// Multiply-adds of matrix products alone, as the DiT paper counts its "Gflops" (arXiv 2212.09748, table 4): biases,
/// norms, activations and softmax are left out.
package struct Cost: Equatable, Sendable {
  package var parameters: Int
  package var multiplyAdds: Int

  package init(parameters: Int = 0, multiplyAdds: Int = 0) {
    self.parameters = parameters
    self.multiplyAdds = multiplyAdds
  }

  package static func + (a: Cost, b: Cost) -> Cost {
    Cost(parameters: a.parameters + b.parameters, multiplyAdds: a.multiplyAdds + b.multiplyAdds)
  }
}

/// One stage of a model, and what it takes.
package struct StageCost: Equatable, Sendable {
  /// How often a stage is computed.
  package enum Frequency: String, Sendable {
    /// In every evaluation of the transformer.
    case step = "a step"
    /// Once for a picture, or for a prompt.
    case picture = "a picture"
  }

  package let name: String
  package let cost: Cost
  package let frequency: Frequency

  package init(_ name: String, _ cost: Cost, _ frequency: Frequency = .step) {
    self.name = name
    self.cost = cost
    self.frequency = frequency
  }
}

extension [StageCost] {
  package var total: Cost { reduce(Cost()) { $0 + $1.cost } }

  /// Multiply-adds of the stages computed this often.
  package func multiplyAdds(_ frequency: StageCost.Frequency) -> Int {
    filter { $0.frequency == frequency }.total.multiplyAdds
  }
}
