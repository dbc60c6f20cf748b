import Foundation

/// The quantile of the symmetric beta distribution: where its cumulative distribution is `share`, to 1e-12.
func betaQuantile(_ share: Double, shape: Double) -> Double {
  guard share > 0, share < 1 else { return share <= 0 ? 0 : 1 }
  if share > 0.5 { return 1 - betaQuantile(1 - share, shape: shape) }
  var (low, high) = (0.0, 0.5)
  while high - low > 1e-13 {
    let middle = (low + high) / 2
    if betaCumulative(middle, shape: shape) < share { low = middle } else { high = middle }
  }
  return (low + high) / 2
}

/// I_x(a, a), the regularised incomplete beta function for x up to ½, by its power series
/// x^a / B(a, a) · Σ (1 − a)ₙ xⁿ / (n! (a + n)).
private func betaCumulative(_ x: Double, shape a: Double) -> Double {
  var (term, sum) = (1.0, 1 / a)
  for n in 1...200 {
    term *= (Double(n) - a) / Double(n) * x
    sum += term / (a + Double(n))
    if term < 1e-17 { break }
  }
  return exp(a * log(x) + lgamma(2 * a) - 2 * lgamma(a)) * sum
}
