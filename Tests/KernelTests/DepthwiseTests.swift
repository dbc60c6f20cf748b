import DiTCKernels
import DiTTensors
import Foundation
import Testing

@Suite struct DepthwiseTests {
  private struct Shape {
    let batch, height, width, columns, size: Int
    var isGated = false
    var hasBias = true
    var outputs: Int { isGated ? columns / 2 : columns }
    var rows: Int { batch * height * width }
  }

  /// Single rows and columns, pictures smaller than the taps reach, channels that fill no vector, and more than one band.
  private static let shapes = [
    Shape(batch: 1, height: 1, width: 1, columns: 5, size: 3), Shape(batch: 2, height: 3, width: 1, columns: 24, size: 3),
    Shape(batch: 1, height: 1, width: 9, columns: 77, size: 5, hasBias: false),
    Shape(batch: 2, height: 5, width: 7, columns: 34, size: 3, isGated: true),
    Shape(batch: 1, height: 2, width: 2, columns: 8, size: 7),
    Shape(batch: 1, height: 6, width: 4, columns: 258, size: 3, isGated: true, hasBias: false),
    Shape(batch: 1, height: 19, width: 260, columns: 3, size: 5),
  ]

  private static func convolve(
    _ engine: OpaquePointer, _ shape: Shape, _ type: dk_type, out: dk_type, _ activation: dk_activation, picture: Int? = nil
  ) throws -> [Float] {
    var numbers = Numbers(seed: 14)
    let x = Rows(type, shape.rows, shape.columns, gap: 3, values: numbers.array(shape.rows * shape.columns))
    let taps = Rows(DK_F32, shape.size * shape.size, shape.columns, values: numbers.array(shape.size * shape.size * shape.columns))
    let bias = Rows(DK_F32, 1, shape.columns, values: numbers.array(shape.columns))
    var arguments = dk_depthwise_arguments(
      batch: picture == nil ? shape.batch : 1, height: shape.height, width: shape.width, columns: shape.columns,
      size: shape.size, weight: taps.floats, bias: shape.hasBias ? UnsafePointer(bias.floats) : nil, activation: activation,
      gated: shape.isGated ? 1 : 0)
    let pixels = shape.height * shape.width
    let y = Rows(out, arguments.batch * pixels, shape.outputs, gap: 5)
    try checked(dk_depthwise(engine, &arguments, x.view(row: (picture ?? 0) * pixels), y.view))
    #expect(y.gapsAreIntact)
    return y.array
  }

  @Test(arguments: [DK_F32, DK_BF16], [DK_F32, DK_BF16])
  func matchesTheReference(type: dk_type, out: dk_type) throws {
    for shape in Self.shapes {
      for activation in [DK_ACT_NONE, DK_ACT_SILU] {
        try holdAgainstReference("depthwise \(shape)", limit: out == DK_F32 ? f32Limit : bf16Limit, openBLAS: false) {
          try Self.convolve($0, shape, type, out: out, activation)
        }
      }
      for level in Level.withoutEmulation {
        let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
        let alone = try (0..<shape.batch).flatMap {
          try Self.convolve(engine, shape, type, out: out, DK_ACT_SILU, picture: $0)
        }
        #expect(try sameBits(Self.convolve(engine, shape, type, out: out, DK_ACT_SILU), alone))
      }
    }
  }

  @Test func survivesWantOfMemory() throws {
    try holdWithoutMemory("depthwise", allocates: false) {
      try Self.convolve($0, Self.shapes[3], DK_F32, out: DK_F32, DK_ACT_SILU)
    }
  }

  /// Two pixels, one channel and its gate, by hand: taps beyond the edge find zeros.
  @Test func referenceComputesTheFormula() throws {
    let x = Rows(DK_F32, 2, 2, values: [2, 1, 3, -4]), y = Rows(DK_F32, 2, 1)
    // Of the middle row alone do the taps find anything.
    let beyond = [Float](repeating: 9, count: 6)
    let taps = Rows(DK_F32, 9, 2, values: beyond + [5, 1, 10, 2, 100, 3] + beyond)
    let bias = Rows(DK_F32, 1, 2, values: [0.5, 20])
    var arguments = dk_depthwise_arguments(
      batch: 1, height: 1, width: 2, columns: 2, size: 3, weight: taps.floats, bias: bias.floats, activation: DK_ACT_RELU, gated: 1)
    try checked(dk_depthwise(Engines.get(DK_BACKEND_REFERENCE), &arguments, x.view, y.view))
    // 0.5 + 10·2 + 100·3 = 320.5 times 20 + 2·1 − 3·4 = 10; 0.5 + 5·2 + 10·3 = 40.5 times 20 + 1 − 8 = 13.
    #expect(y.array == [3205, 526.5])
  }
}
