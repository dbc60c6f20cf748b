import DiTTensors

/// Channels that become pixels and the other way round, on float32 pixels [1, h, w, C] (Shi et al. 2016, arXiv 1609.05158), with
/// channels repeated where there are too few, and averaged where there are too many (DC-AE, arXiv 2410.10733, 3.2).
extension Tensor {
  /// [1, h, w, C] -> [1, 2h, 2w, channels]: pixel (2y + i, 2x + j) takes of its channel c the place 4c + 2i + j in x's channels,
  /// each of which is there 4 · channels / C times.
  func pixelShuffled(to channels: Int) throws -> Tensor {
    let (height, width, inputs) = (shape[1], shape[2], shape[3])
    let repeats = 4 * channels / inputs
    precondition(inputs * repeats == 4 * channels)
    let result = try Tensor(unfilled: [1, 2 * height, 2 * width, channels], type: .f32)
    let sources = (0..<4).map { corner in (0..<channels).map { (4 * $0 + corner) / repeats } }
    withFloats { from in
      result.withFloats { to in
        for y in 0..<2 * height {
          for x in 0..<2 * width {
            let (start, target) = ((y / 2 * width + x / 2) * inputs, (y * 2 * width + x) * channels)
            sources[y % 2 * 2 + x % 2].withUnsafeBufferPointer { source in
              for c in 0..<channels { to[target + c] = from[start + source[c]] }
            }
          }
        }
      }
    }
    return result
  }

  /// [1, h, w, C] -> [1, h/2, w/2, channels]: of the 4C numbers of four pixels, channel by channel, the means of neighbours.
  func pixelUnshuffled(to channels: Int) throws -> Tensor {
    let (height, width, inputs) = (shape[1] / 2, shape[2] / 2, shape[3])
    let group = 4 * inputs / channels
    precondition(channels * group == 4 * inputs)
    let result = try Tensor(unfilled: [1, height, width, channels], type: .f32)
    // Of a place in the 4C numbers: where it is from the first of the four pixels on.
    let sources = (0..<4 * inputs).map { $0 % 4 / 2 * 2 * width * inputs + $0 % 2 * inputs + $0 / 4 }
    withFloats { from in
      result.withFloats { to in
        sources.withUnsafeBufferPointer { source in
          for y in 0..<height {
            for x in 0..<width {
              let (start, target) = ((4 * y * width + 2 * x) * inputs, (y * width + x) * channels)
              for c in 0..<channels {
                var sum: Float = 0
                for place in c * group..<(c + 1) * group { sum += from[start + source[place]] }
                to[target + c] = sum / Float(group)
              }
            }
          }
        }
      }
    }
    return result
  }

  /// Each channel as often as makes `channels` of them.
  func channelsRepeated(to channels: Int) throws -> Tensor {
    let (inputs, repeats) = (shape[3], channels / shape[3])
    precondition(inputs * repeats == channels)
    let result = try Tensor(unfilled: shape.dropLast() + [channels], type: .f32)
    withFloats { from in
      result.withFloats { to in
        for index in to.indices { to[index] = from[index / channels * inputs + index % channels / repeats] }
      }
    }
    return result
  }

  /// The means of neighbouring channels, `channels` of them.
  func channelsAveraged(to channels: Int) throws -> Tensor {
    let group = shape[3] / channels
    precondition(channels * group == shape[3])
    let result = try Tensor(unfilled: shape.dropLast() + [channels], type: .f32)
    withFloats { from in
      result.withFloats { to in
        for index in to.indices { to[index] = from[index * group..<(index + 1) * group].reduce(0, +) / Float(group) }
      }
    }
    return result
  }
}
