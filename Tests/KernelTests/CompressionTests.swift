import DiTCKernels
import Foundation
import DiTTensors
import Testing

@Suite struct CompressionTests {
  /// Tokens that fill no whole patch among them: the last row and column of an odd grid, both of an even one by 3.
  static let shapes = [(1, 2, 2, 2, 5), (3, 4, 6, 2, 24), (2, 5, 7, 2, 33), (1, 9, 4, 3, 77), (2, 64, 64, 2, 72), (2, 3, 5, 1, 12)]

  private static func compress(
    _ engine: OpaquePointer, _ shape: (Int, Int, Int, Int, Int), _ type: dk_type, out: dk_type, picture: Int? = nil
  ) throws -> [Float] {
    let (batch, height, width, factor, columns) = shape
    var numbers = Numbers(seed: 12)
    let x = Rows(type, batch * height * width, columns, gap: 2 * columns, values: numbers.array(batch * height * width * columns))
    let taps = Rows(DK_F32, factor * factor, columns, values: numbers.array(factor * factor * columns))
    let rest = Rows(DK_F32, 3, columns, values: numbers.array(3 * columns))
    var arguments = dk_compression_arguments(
      batch: picture == nil ? batch : 1, height: height, width: width, factor: factor, columns: columns, weight: taps.floats,
      bias: rest.floats, norm_weight: rest.floats + columns, norm_bias: rest.floats + 2 * columns, eps: 1e-5)
    let y = Rows(out, arguments.batch * (height / factor) * (width / factor), columns, gap: 3)
    try checked(dk_compress(engine, &arguments, x.view(row: (picture ?? 0) * height * width), y.view))
    #expect(y.gapsAreIntact)
    return y.array
  }

  @Test(arguments: [DK_F32, DK_BF16], [DK_F32, DK_BF16])
  func matchesTheReference(type: dk_type, out: dk_type) throws {
    for shape in Self.shapes {
      try holdAgainstReference("compression \(shape)", limit: out == DK_F32 ? f32Limit : bf16Limit, openBLAS: false) {
        try Self.compress($0, shape, type, out: out)
      }
      for level in Level.withoutEmulation {
        let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
        let alone = try (0..<shape.0).flatMap { try Self.compress(engine, shape, type, out: out, picture: $0) }
        #expect(try sameBits(Self.compress(engine, shape, type, out: out), alone))
      }
    }
  }

  @Test func survivesWantOfMemory() throws {
    try holdWithoutMemory("compression") { try Self.compress($0, (1, 4, 4, 2, 24), DK_F32, out: DK_F32) }
  }

  /// One patch of two channels, by hand.
  @Test func referenceComputesTheFormula() throws {
    let x = Rows(DK_F32, 4, 2, values: [1, 2, 3, 4, 5, 6, 7, 9]), taps = Rows(DK_F32, 4, 2, values: [1, 0, 2, 1, 0, 1, 1, 2])
    let rest = Rows(DK_F32, 3, 2, values: [0.5, -1, 2, 3, 10, 20]), y = Rows(DK_F32, 1, 2)
    var arguments = dk_compression_arguments(
      batch: 1, height: 2, width: 2, factor: 2, columns: 2, weight: taps.floats, bias: rest.floats,
      norm_weight: rest.floats + 2, norm_bias: rest.floats + 4, eps: 0)
    try checked(dk_compress(Engines.get(DK_BACKEND_REFERENCE), &arguments, x.view, y.view))
    // Sums 0.5 + 1 + 6 + 7 = 14.5 and −1 + 4 + 6 + 18 = 27: below and above their mean, −1 and 1.
    #expect(abs(y[0, 0] - 8) < 1e-5 && abs(y[0, 1] - 23) < 1e-5)
  }
}
