import DiTCKernels
import Foundation
import Testing

@Suite struct LinearAttentionTests {
  /// Heads that fill no vector, single tokens, more tokens than are summed at once: (batch, heads, head, tokens).
  private static let shapes = [(1, 1, 1, 1), (2, 3, 8, 15), (1, 2, 33, 70), (2, 1, 6, 64), (1, 4, 32, 200), (1, 1, 47, 129)]

  private static func attend(
    _ engine: OpaquePointer, _ shape: (Int, Int, Int, Int), _ type: dk_type, out: dk_type, eps: Float = 1e-15,
    values: [Float]? = nil, picture: Int? = nil
  ) throws -> [Float] {
    let (batch, heads, head, tokens) = shape
    let width = heads * head
    var numbers = Numbers(seed: 15)
    // Queries, keys and values side by side, as one product makes them.
    let x = Rows(type, batch * tokens, 3 * width, gap: 2, values: values ?? numbers.array(batch * tokens * 3 * width))
    let count = picture == nil ? batch : 1, row = (picture ?? 0) * tokens
    let y = Rows(out, count * tokens, width, gap: 3)
    var arguments = dk_linear_attention_arguments(
      batch: count, heads: heads, head_dim: head, tokens: tokens, eps: eps, q: x.view(row: row), k: x.view(row: row, column: width),
      v: x.view(row: row, column: 2 * width), out: y.view)
    try checked(dk_linear_attention(engine, &arguments))
    #expect(y.gapsAreIntact)
    return y.array
  }

  @Test(arguments: [DK_F32, DK_BF16], [DK_F32, DK_BF16])
  func matchesTheReference(type: dk_type, out: dk_type) throws {
    for shape in Self.shapes where shape.3 > 1 {
      try holdAgainstReference("linear attention \(shape)", limit: out == DK_F32 ? f32Limit : bf16Limit, openBLAS: false) {
        try Self.attend($0, shape, type, out: out)
      }
      for level in Level.withoutEmulation {
        let engine = try Engines.get(DK_BACKEND_NATIVE, level: level.level)
        let alone = try (0..<shape.0).flatMap { try Self.attend(engine, shape, type, out: out, picture: $0) }
        #expect(try sameBits(Self.attend(engine, shape, type, out: out), alone))
      }
    }
  }

  /// A query without a positive number answers to no key; neither does any where no key has one.
  @Test func deadQueriesGiveZeros() throws {
    for engine in [DK_BACKEND_REFERENCE, DK_BACKEND_NATIVE] {
      // Query, key and value of two tokens.
      let numbers: [Float] = [-1, -2, 3, 4, 5, 6] + [1, 0, 2, -1, 7, 8]
      let y = try Self.attend(Engines.get(engine), (1, 1, 2, 2), DK_F32, out: DK_F32, values: numbers)
      // Weights of 3 and 2 for the values 5, 6 and 7, 8.
      let expected: [Float] = [0, 0, 29 / 5, 34 / 5]
      #expect(y == expected)
      #expect(try Self.attend(Engines.get(engine), (1, 1, 1, 1), DK_F32, out: DK_F32, values: [1, -1, 9]) == [0])
    }
  }

  @Test func survivesWantOfMemory() throws {
    try holdWithoutMemory("linear attention") { try Self.attend($0, (1, 2, 6, 9), DK_F32, out: DK_F32) }
  }
}
