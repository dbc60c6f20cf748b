import Foundation

/// T5's bidirectional bucket of a relative position key − query (Raffel et al. 2020, arXiv 1910.10683).
///
/// Half of the buckets are for keys after the query; of each half, the first half holds one distance a bucket, the
/// rest grows by logarithms up to `maxDistance`.
/// - Returns: 0 ..< buckets.
package func relativePositionBucket(_ relative: Int, buckets: Int, maxDistance: Int) -> Int {
  let half = buckets / 2
  let exact = half / 2
  let offset = relative > 0 ? half : 0
  let distance = abs(relative)
  if distance < exact { return offset + distance }
  // In float32, as the reference computes it: the edges of the buckets depend on it.
  let grown = logf(Float(distance) / Float(exact)) / Float(log(Double(maxDistance) / Double(exact))) * Float(half - exact)
  return offset + min(half - 1, exact + Int(grown))
}
