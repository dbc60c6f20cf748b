import DiTTensors

/// Noise for a batch in which every picture has a seed of its own, so that it comes out the same in any batch.
package struct BatchNoise: Sendable {
  private var generators: [TorchRandom]

  package init(seeds: [UInt64]) {
    generators = seeds.map(TorchRandom.init(seed:))
  }

  /// One draw from each generator: [B] + shape, for example [B, C, H, W].
  package mutating func randn(_ shape: [Int]) throws -> Tensor {
    let result = try Tensor([generators.count] + shape)
    let part = shape.reduce(1, *)
    result.withFloats { values in
      for index in generators.indices {
        generators[index].fillNormal(.init(rebasing: values[index * part..<(index + 1) * part]))
      }
    }
    return result
  }
}
