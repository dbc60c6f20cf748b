import DiTCKernels
import Testing

/// Memory that runs out is an error or makes no difference: it never becomes other numbers.
@Suite struct MemoryTests {
  @Test(arguments: [DK_WEIGHT_F32, DK_WEIGHT_BF16, DK_WEIGHT_INT8, DK_WEIGHT_INT12])
  func linears(kind: dk_weight_kind) throws {
    for x in [DK_F32, DK_BF16] {
      var test = LinearCase(m: 70, n: 53, k: 65, kind: kind, x: x, activation: DK_ACT_GELU_TANH)
      (test.residual, test.gate, test.repacked) = (true, true, true)
      try holdWithoutMemory("linear", tiles: kind != DK_WEIGHT_F32) { try test.run($0) }
    }
  }

  /// A matrix of more than one large page; and one too large for the second cache, for which AMX prepares all rows at once.
  @Test func largeMatrices() throws {
    for (kind, m) in [(DK_WEIGHT_F32, 2), (DK_WEIGHT_BF16, 40)] {
      let large = TileTests.LargeCase(kind, m: m)
      try holdWithoutMemory("large linear", tiles: kind != DK_WEIGHT_F32) { try large.run($0) }
    }
  }

  @Test(arguments: Arithmetic.allCases)
  func attention(arithmetic: Arithmetic) throws {
    let problem = AttentionTests.Problem(arithmetic, batch: 2, heads: 2, headDim: 12, queries: 70, keys: 140)
    try holdWithoutMemory("attention", tiles: arithmetic == .bf16) { try problem.run($0) }
    problem.everyOption()
    try holdWithoutMemory("attention with all options") { try problem.run($0) }
  }

  @Test(arguments: Arithmetic.allCases)
  func convolutions(arithmetic: Arithmetic) throws {
    for shape in ConvolutionTests.shapes.prefix(6) {
      let problem = ConvolutionTests.Problem(shape, arithmetic.type, activation: DK_ACT_SILU)
      problem.weightKind = arithmetic.weights
      try holdWithoutMemory("convolution \(shape)", tiles: arithmetic == .bf16) { try problem.run($0) }
    }
  }

  @Test func rowsAndPixels() throws {
    var numbers = Numbers(seed: 11)
    let a = Rows(DK_F32, 40, 32, values: numbers.array(40 * 32)), b = Rows(DK_BF16, 40, 32, values: numbers.array(40 * 32))
    let weight = Rows(DK_F32, 1, 32, values: numbers.array(32))
    let operations: [(String, (OpaquePointer, dk_rows) -> dk_status)] = [
      ("activation", { dk_activate($0, DK_ACT_SILU, 40, 32, a.view, $1) }),
      ("gated", { dk_activate_multiply($0, DK_ACT_GELU_TANH, 40, 32, a.view, b.view, $1) }),
      ("sum", { dk_add($0, 40, 32, a.view, b.view, $1) }),
      (
        "layer norm",
        {
          var arguments = dk_layer_norm_arguments()
          arguments.eps = 1e-6
          return dk_layer_norm($0, 40, 32, a.view, &arguments, $1)
        }
      ),
      ("RMS norm", { dk_rms_norm($0, 40, 32, a.view, weight.floats, nil, 1e-6, $1) }),
      ("group norm", { dk_group_norm($0, 2, 20, 32, 4, a.view, weight.floats, weight.floats, 1e-6, DK_ACT_RELU, $1) }),
      ("doubling", { dk_upsample_nearest($0, 1, 2, 5, 32, a.view, $1) }),
    ]
    for (name, operation) in operations {
      try holdWithoutMemory(name, allocates: false) { engine in
        let out = Rows(DK_F32, 40, 32)
        try checked(operation(engine, out.view))
        return out.array
      }
    }
  }

  /// Threads too: an engine has all it was asked for, or is none.
  @Test(arguments: [DK_BACKEND_REFERENCE, DK_BACKEND_NATIVE], [1, 2, 5])
  func engines(backend: dk_backend, threads: Int) throws {
    for n in 1... {
      let before = dk_allocations()
      dk_fail_allocation(n)
      let engine = try? TestEngine(backend, threads: threads)
      dk_fail_allocation(0)
      #expect((engine == nil) == (dk_allocations() - before >= n))
      if let engine {
        #expect(engine.use(dk_engine_threads) == (backend == DK_BACKEND_REFERENCE ? 1 : threads))
        break
      }
      #expect(n < 20)
    }
  }

  @Test func oneAllocationFailsAndOnlyThatOne() {
    dk_fail_allocation(2)
    let pointers = (0..<3).map { _ in dk_allocate(100) }
    #expect(pointers.map { $0 == nil } == [false, true, false])
    for pointer in pointers {
      #expect(Int(bitPattern: pointer) % 64 == 0)
      dk_free(pointer)
    }
    #expect(dk_allocate(Int.max) == nil)
  }
}
