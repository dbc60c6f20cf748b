import DiTTensors

/// Noise for a batch in which every picture has a seed of its own, so that it comes out the same in any batch.
///
/// Not for use by several threads at a time.
package final class BatchNoise: @unchecked Sendable {
  private var generators: [TorchRandom]

  package init(seeds: [UInt64]) {
    generators = seeds.map(TorchRandom.init(seed:))
  }

  /// One draw from each generator: [B] + shape, for example [B, C, H, W].
  package func randn(_ shape: [Int]) throws -> Tensor {
    let result = try Tensor([generators.count] + shape)
    let part = shape.reduce(1, *)
    result.withFloats { values in
      for index in generators.indices {
        generators[index].fillNormal(.init(rebasing: values[index * part..<(index + 1) * part]))
      }
    }
    return result
  }

  /// A draw from the generator of one picture: [1] + shape.
  package func randn(_ shape: [Int], picture: Int) throws -> Tensor { try generators[picture].randn([1] + shape) }
}
