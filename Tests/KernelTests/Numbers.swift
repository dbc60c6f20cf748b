import Foundation

/// The same numbers on every run.
struct Numbers {
  var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// Uniform with mean 0 and variance 1, rounded to bfloat16, so that both types hold the same numbers.
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let uniform = Float(state >> 40) / Float(1 << 24) * 2 - 1
    return Float(bitPattern: (uniform * 1.7320508).bitPattern & 0xffff_0000)
  }
  mutating func array(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in next() * scale } }
}

/// SplitMix64: the same numbers on every run.
struct TestRandom: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Uniform numbers of mean 0 and the given deviation.
  mutating func floats(_ count: Int, deviation: Float = 1) -> [Float] {
    let bound = deviation * Float(3).squareRoot()
    return (0..<count).map { _ in Float.random(in: -bound...bound, using: &self) }
  }
}
