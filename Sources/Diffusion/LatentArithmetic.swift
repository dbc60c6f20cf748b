import DiTTensors

/// Σ weight · tensor, summed in float64 from left to right and rounded once to float32.
///
/// Every update rule of every sampler is such a sum. Latents are small, so float64 costs nothing that can be measured,
/// and one rounding a step is the least that a float32 state allows.
func weightedSum(_ terms: (Double, Tensor)...) throws -> Tensor {
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

/// The clean picture that a noise prediction implies: x₀ = (x − √(1−ᾱ)·ε) / √ᾱ (2006.11239, eq. 15).
///
/// With `clip` its values are held within ±1, for models of pixels.
func denoised(_ latents: Tensor, _ noise: Tensor, at level: NoiseLevel, clip: Bool) throws -> Tensor {
  let original = try weightedSum((1 / level.signal, latents), (-level.sigma, noise))
  if clip {
    original.withFloats { values in
      for index in values.indices { values[index] = min(max(values[index], -1), 1) }
    }
  }
  return original
}
