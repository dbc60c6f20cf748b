import Foundation
import DiTTensors

/// `torch.Generator().manual_seed(seed)` on the CPU: the same seed gives the same noise as in PyTorch.
///
/// Draws of sixteen numbers and more equal PyTorch's on x86 to the last bit, on any machine (see ``TorchMath``).
/// Smaller ones depend on the C library's float64 logarithm and cosine, which shows in float32 next to never.
package struct TorchRandom: Sendable {
  private var engine: MersenneTwister
  /// The second number of the last scalar pair; it outlives a call, as in PyTorch.
  private var cached: Double?

  /// Like PyTorch, only the low 32 bits of the seed count.
  package init(seed: UInt64) {
    engine = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
  }

  /// `torch.randn(shape)`: standard normal float32 numbers.
  package mutating func randn(_ shape: [Int]) throws -> Tensor {
    let result = try Tensor(shape)
    result.withFloats { fillNormal($0) }
    return result
  }

  /// `torch.rand`: a float32 of 24 random bits in [0, 1).
  package mutating func uniform() -> Float {
    Float(engine.word() & 0xff_ffff) * 0x1p-24
  }

  /// Fills with `torch.randn(values.count)`.
  ///
  /// Sixteen numbers and more take the vector road: uniforms first, transformed in blocks of sixteen; an incomplete
  /// last block is drawn afresh, overlapping the one before.
  mutating func fillNormal(_ values: UnsafeMutableBufferPointer<Float>) {
    guard values.count >= 16 else {
      for index in values.indices { values[index] = Float(scalarNormal()) }
      return
    }
    for index in values.indices { values[index] = uniform() }
    for start in stride(from: 0, through: values.count - 16, by: 16) { boxMuller(values, start) }
    if values.count % 16 != 0 {
      let start = values.count - 16
      for index in start..<values.count { values[index] = uniform() }
      boxMuller(values, start)
    }
  }

  /// Eight pairs of uniforms, eight places apart, become normal (Box & Muller, 1958).
  private func boxMuller(_ values: UnsafeMutableBufferPointer<Float>, _ start: Int) {
    let turn = Float(2 * Double.pi)  // Float.pi is rounded down, to another number
    for index in start..<start + 8 {
      let radius = (-2 * TorchMath.log(1 - values[index])).squareRoot()
      let (sin, cos) = TorchMath.sinCos(turn * values[index + 8])
      values[index] = radius * cos
      values[index + 8] = radius * sin
    }
  }

  /// One number of the scalar road: float64 pairs, the sine kept for the next call.
  private mutating func scalarNormal() -> Double {
    if let cached {
      self.cached = nil
      return cached
    }
    let angle = 2 * .pi * uniform53()
    let radius = (-2 * log1p(-uniform53())).squareRoot()
    cached = radius * sin(angle)
    return radius * cos(angle)
  }

  private mutating func uniform53() -> Double {
    let high = UInt64(engine.word())
    return Double((high << 32 | UInt64(engine.word())) & (1 << 53 - 1)) * 0x1p-53
  }
}
