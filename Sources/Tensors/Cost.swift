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

  /// W [outputs, inputs] applied to `rows` vectors.
  package static func linear(_ outputs: Int, _ inputs: Int, bias: Bool = true, rows: Int) -> Cost {
    Cost(parameters: outputs * inputs + (bias ? outputs : 0), multiplyAdds: outputs * inputs * rows)
  }

  /// A 3×3 convolution that makes `pixels` pixels.
  package static func convolution(_ outputs: Int, _ inputs: Int, bias: Bool = true, pixels: Int) -> Cost {
    linear(outputs, inputs * 9, bias: bias, rows: pixels)
  }

  /// Scores and mixtures of all heads together, `width` wide.
  package static func attention(queries: Int, keys: Int, width: Int) -> Cost {
    Cost(multiplyAdds: 2 * queries * keys * width)
  }

  package static func + (a: Cost, b: Cost) -> Cost {
    Cost(parameters: a.parameters + b.parameters, multiplyAdds: a.multiplyAdds + b.multiplyAdds)
  }

  package static func * (count: Int, a: Cost) -> Cost {
    Cost(parameters: count * a.parameters, multiplyAdds: count * a.multiplyAdds)
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

/// A parameter of a model by name and shape, as its configuration alone tells it.
package struct ParameterShape: Equatable, Sendable {
  package var name: String
  package let shape: [Int]
  package var count: Int { shape.reduce(1, *) }

  package init(_ name: String, _ shape: [Int]) {
    self.name = name
    self.shape = shape
  }

  /// `NAME.weight` [outputs, inputs] and `NAME.bias`.
  package static func linear(_ name: String, _ outputs: Int, _ inputs: Int) -> [ParameterShape] {
    [ParameterShape(name + ".weight", [outputs, inputs]), ParameterShape(name + ".bias", [outputs])]
  }
}
