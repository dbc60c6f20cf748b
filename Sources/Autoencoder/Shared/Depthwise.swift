import DiTCheckpoints
import DiTTensors

/// A convolution of each channel by itself, of an odd size, with zeros around the picture.
struct DepthwiseConvolution {
  private let taps: [Float]  // [size²][channels]
  private let bias: [Float]
  private let size: Int
  private let channels: Int

  /// `NAME.weight` [channels, 1, size, size] and `NAME.bias`.
  init(_ name: String, _ channels: Int, size: Int, on rows: Rows, bias: Bool = true, _ parameters: Parameters) throws {
    (self.size, self.channels) = (size, channels)
    let area = size * size
    let stored = try parameters.tensor(name + ".weight", [channels, 1, size, size]).array
    taps = (0..<area * channels).map { stored[$0 % channels * area + $0 / channels] }
    self.bias = bias ? try parameters.tensor(name + ".bias", [channels], start: .bias).array : Array(repeating: 0, count: channels)
    parameters.products(area * channels, on: rows)
  }

  /// The first channels of pixels [1, h, w, …] -> [1, h, w, channels], float32.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let (height, width, stride, reach) = (x.shape[1], x.shape[2], x.shape[3], size / 2)
    let result = try Tensor(unfilled: [1, height, width, channels], type: .f32)
    x.withFloats { from in
      result.withFloats { to in
        taps.withUnsafeBufferPointer { taps in
          bias.withUnsafeBufferPointer { bias in
            for row in 0..<height {
              for column in 0..<width {
                let target = (row * width + column) * channels
                for c in 0..<channels { to[target + c] = bias[c] }
                for y in max(0, row - reach)...min(height - 1, row + reach) {
                  for x in max(0, column - reach)...min(width - 1, column + reach) {
                    let source = (y * width + x) * stride
                    let tap = ((y - row + reach) * size + x - column + reach) * channels
                    for c in 0..<channels { to[target + c] += from[source + c] * taps[tap + c] }
                  }
                }
              }
            }
          }
        }
      }
    }
    return result
  }
}
