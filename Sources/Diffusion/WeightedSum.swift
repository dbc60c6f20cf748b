import Tensors

/// Σ weight · tensor, summed in float64 from left to right and rounded once to float32.
///
/// Every update rule of every sampler is such a sum. Latents are small, so float64 costs nothing that can be measured,
/// and one rounding a step is the least that a float32 state allows.
func weightedSum(_ terms: (Double, Tensor)...) -> Tensor {
  let result = Tensor(terms[0].1.shape)
  result.withFloats { target in
    let sources = terms.map { weight, tensor in
      precondition(tensor.shape == result.shape, "\(tensor.shape) does not match \(result.shape)")
      return (weight, tensor.withFloats { $0 })  // `terms` keeps the memory alive.
    }
    for index in target.indices {
      var sum = 0.0
      for (weight, source) in sources { sum += weight * Double(source[index]) }
      target[index] = Float(sum)
    }
  }
  withExtendedLifetime(terms) {}
  return result
}

/// The clean picture that a noise prediction implies: x₀ = (x − √(1−ᾱ)·ε) / √ᾱ (2006.11239, eq. 15).
///
/// With `clip` its values are held within ±1, for models of pixels.
func predictedOriginal(_ latents: Tensor, _ noise: Tensor, at level: NoiseLevel, clip: Bool) -> Tensor {
  let original = weightedSum((1 / level.signal, latents), (-level.sigma, noise))
  if clip {
    original.withFloats { values in
      for index in values.indices { values[index] = min(max(values[index], -1), 1) }
    }
  }
  return original
}
