import DiTCKernels
import Testing

/// Products of adapters.
@Suite struct ThinTests {
  /// Rows, columns, rank.
  static let shapes = [(1, 1, 1), (3, 5, 2), (65, 64, 4), (70, 77, 16), (130, 33, 7), (7, 200, 32), (5, 18, 128), (64, 384, 3)]

  private enum Product: CaseIterable {
    case project, expand, gradient

    /// All three matrices, whichever was written.
    func run(_ engine: OpaquePointer, _ type: dk_type, _ shape: (Int, Int, Int)) throws -> [Float] {
      let (rows, columns, rank) = shape
      var numbers = Numbers(seed: 50)
      let wide = Rows(type, rows, columns, gap: 3, values: numbers.array(rows * columns))
      let h = Rows(DK_F32, rows, rank, values: numbers.array(rows * rank))
      let m = Rows(DK_F32, rank, columns, values: numbers.array(rank * columns))
      switch self {
      case .project: try checked(dk_thin_project(engine, rows, columns, rank, wide.view, m.floats, h.floats))
      case .expand: try checked(dk_thin_expand(engine, rows, columns, rank, h.floats, m.floats, 0.75, wide.view))
      case .gradient: try checked(dk_thin_gradient(engine, rows, columns, rank, h.floats, wide.view, 0.75, m.floats))
      }
      #expect(wide.gapsAreIntact)
      return wide.array + h.array + m.array
    }
  }

  @Test(arguments: [DK_F32, DK_BF16])
  func allMatchTheReference(type: dk_type) throws {
    for shape in Self.shapes {
      for product in Product.allCases {
        let limit = type == DK_BF16 && product == .expand ? bf16Limit : f32Limit
        try holdAgainstReference("\(product) \(shape)", limit: limit, openBLAS: false) { try product.run($0, type, shape) }
      }
    }
  }

  @Test func referenceComputesTheFormulas() throws {
    let engine = try Engines.get(DK_BACKEND_REFERENCE)
    let x = Rows(DK_F32, 2, 3, values: [1, 2, 3, 4, 5, 6]), m: [Float] = [1, 0, -1, 2, 1, 0]
    var h: [Float] = [0, 0, 0, 0]
    try checked(dk_thin_project(engine, 2, 3, 2, x.view, m, &h))
    #expect(h == [-2, 4, -2, 13])
    var dm = m
    try checked(dk_thin_gradient(engine, 2, 3, 2, h, x.view, 0.5, &dm))
    #expect(dm == [-4, -7, -10, 30, 37.5, 45])
    try checked(dk_thin_expand(engine, 2, 3, 2, h, m, 0.5, x.view))
    #expect(x.array == [4, 4, 4, 16, 11.5, 7])
  }

  @Test func surviveWantOfMemory() throws {
    for product in Product.allCases where product != .project {
      for backend in [DK_BACKEND_NATIVE, DK_BACKEND_OPENBLAS] {
        let engine = try TestEngine(backend), run = { try product.run($0, DK_F32, (70, 77, 16)) }
        dk_fail_allocation(1)
        #expect(throws: NoMemory.self) { try engine.use(run) }
        dk_fail_allocation(0)
        #expect(try sameBits(engine.use(run), TestEngine(backend).use(run)))
      }
    }
  }
}
