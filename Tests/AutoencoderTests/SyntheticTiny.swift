import Foundation
import DiTTensors

/// A random decoder of TAESD's form under its own names, and a slow decoding written from the published description.
struct SyntheticTiny {
  let channels: [Int], blocks: [Int], latents: Int, pooled: Bool
  private(set) var tensors: [String: Tensor] = [:]
  private var numbers = Numbers(5)

  /// - Parameter pooled: whether the blocks of the first level have the pooling branch.
  init(channels: [Int], blocks: [Int], latents: Int, pooled: Bool) throws {
    (self.channels, self.blocks, self.latents, self.pooled) = (channels, blocks, latents, pooled)
    try add("1", [channels[0], latents, 3, 3])
    var index = 3  // 0 clamps, 2 is a ReLU
    for level in channels.indices {
      let c = channels[level]
      for _ in 0..<blocks[level] {
        for conv in [0, 2, 4] { try add("\(index).conv.\(conv)", [c, c, 3, 3]) }
        if pooled, level == 0 {
          try add("\(index).pool.0", [4 * c, c, 1, 1], bias: false)
          try tensors["\(index).pool.1.weight"] = numbers.tensor([4 * c], scale: 0.3, around: 1)
          try tensors["\(index).pool.1.bias"] = numbers.tensor([4 * c], scale: 0.3)
          try add("\(index).pool.3", [c, 4 * c, 1, 1], bias: false)
        }
        index += 1
      }
      guard level + 1 < channels.count else { continue }
      try add("\(index + 1)", [channels[level + 1], c, 3, 3], bias: false)
      index += 2
    }
    try add("\(index)", [3, channels[channels.count - 1], 3, 3])
  }

  private mutating func add(_ name: String, _ shape: [Int], bias: Bool = true) throws {
    let inputs = shape.dropFirst().reduce(1, *)
    try tensors[name + ".weight"] = numbers.tensor(shape, scale: (3 / Float(inputs)).squareRoot())
    if bias { try tensors[name + ".bias"] = numbers.tensor([shape[0]], scale: 0.2) }
  }

  // MARK: the slow way

  /// Planes [C][h·w] of one picture.
  private struct Planes {
    var values: [[Double]]
    let height: Int, width: Int

    func map(_ body: (Double) -> Double) -> Planes {
      Planes(values: values.map { $0.map(body) }, height: height, width: width)
    }
  }

  /// Latents [1, C, h, w] -> picture [1, 3, H, W].
  func decoded(_ latents: Tensor) throws -> Tensor {
    let (height, width) = (latents.shape[2], latents.shape[3]), numbers = latents.array.map(Double.init)
    let planes = (0..<latents.shape[1]).map { Array(numbers[($0 * height * width)..<(($0 + 1) * height * width)]) }
    var x = Planes(values: planes, height: height, width: width).map { tanh($0 / 3) * 3 }
    x = convolved(x, "1").map { max($0, 0) }
    var index = 3
    for level in channels.indices {
      for _ in 0..<blocks[level] {
        if pooled, level == 0 { x = sum(x, pool(x, "\(index).pool")) }
        var y = convolved(x, "\(index).conv.0").map { max($0, 0) }
        y = convolved(y, "\(index).conv.2").map { max($0, 0) }
        x = sum(convolved(y, "\(index).conv.4"), x).map { max($0, 0) }
        index += 1
      }
      guard level + 1 < channels.count else { continue }
      x = convolved(doubled(x), "\(index + 1)")
      index += 2
    }
    x = convolved(x, "\(index)")
    return try Tensor(x.values.flatMap { $0.map(Float.init) }, [1, 3, x.height, x.width])
  }

  private func convolved(_ x: Planes, _ name: String) -> Planes {
    guard let weight = tensors[name + ".weight"] else { return x }
    let (outputs, inputs, size) = (weight.shape[0], weight.shape[1], weight.shape[2])
    let w = weight.array, bias = tensors[name + ".bias"]?.array, half = size / 2
    var result = Planes(values: [], height: x.height, width: x.width)
    for o in 0..<outputs {
      var plane = [Double](repeating: Double(bias?[o] ?? 0), count: x.height * x.width)
      for i in 0..<inputs {
        for dy in 0..<size {
          for dx in 0..<size {
            let tap = Double(w[((o * inputs + i) * size + dy) * size + dx])
            for y in max(0, half - dy)..<min(x.height, x.height + half - dy) {
              for column in max(0, half - dx)..<min(x.width, x.width + half - dx) {
                plane[y * x.width + column] += tap * x.values[i][(y + dy - half) * x.width + column + dx - half]
              }
            }
          }
        }
      }
      result.values.append(plane)
    }
    return result
  }

  private func pool(_ x: Planes, _ name: String) -> Planes {
    var wide = convolved(x, name + ".0")
    let weight = tensors[name + ".1.weight"]?.array ?? [], bias = tensors[name + ".1.bias"]?.array ?? []
    let width = wide.values.count / 4
    for group in 0..<4 {
      let members = group * width..<(group + 1) * width
      let all = members.flatMap { wide.values[$0] }
      let mean = all.reduce(0, +) / Double(all.count)
      let variance = all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)
      for c in members {
        wide.values[c] = wide.values[c].map {
          max(0, ($0 - mean) / (variance + 1e-5).squareRoot() * Double(weight[c]) + Double(bias[c]))
        }
      }
    }
    return convolved(wide, name + ".3")
  }

  private func sum(_ x: Planes, _ y: Planes) -> Planes {
    Planes(values: zip(x.values, y.values).map { zip($0, $1).map(+) }, height: x.height, width: x.width)
  }

  private func doubled(_ x: Planes) -> Planes {
    let width = 2 * x.width
    return Planes(
      values: x.values.map { plane in (0..<4 * plane.count).map { plane[$0 / width / 2 * x.width + $0 % width / 2] } },
      height: 2 * x.height, width: width)
  }
}
