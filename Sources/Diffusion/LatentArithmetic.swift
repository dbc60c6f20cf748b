import DiTTensors

/// Σ weight · tensor, summed in float64 from left to right and rounded once to float32.
///
/// Every update rule of every sampler is such a sum. Latents are small, so float64 costs nothing that can be measured,
/// and one rounding a step is the least that a float32 state allows.
func weightedSum(_ terms: (Double, Tensor)...) throws -> Tensor { try weightedSum(terms) }

func weightedSum(_ terms: [(Double, Tensor)]) throws -> Tensor {
  let result = try Tensor(terms[0].1.shape)
  for (_, tensor) in terms {
    precondition(tensor.shape == result.shape, "\(tensor.shape) does not match \(result.shape)")
  }
  // In strips, so that the float64 sums stay in the first cache; of 1 KiB, because Swift takes more from the heap, where it
  // ends the process if there is none.
  withUnsafeTemporaryAllocation(of: Double.self, capacity: 128) { sums in
    for start in stride(from: 0, to: result.count, by: sums.count) {
      let length = min(sums.count, result.count - start)
      sums.initialize(repeating: 0)
      for (weight, tensor) in terms {
        tensor.withFloats { values in
          for index in 0..<length { sums[index] += weight * Double(values[start + index]) }
        }
      }
      result.withFloats { values in
        for index in 0..<length { values[start + index] = Float(sums[index]) }
      }
    }
  }
  return result
}
