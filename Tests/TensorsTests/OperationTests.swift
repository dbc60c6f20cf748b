import DiTTensors
import Testing

/// Operands that do not fit each other are errors of every operation, for every backend; those that fit are not.
@Suite struct OperationTests {
  private static func backend(_ kind: Backend.Kind = .native) throws -> Backend {
    try Backend(kind, precision: .f32, threads: 1)
  }

  private static func stored(_ rows: Int, _ columns: Int) throws -> StoredMatrix {
    let storage = try Storage(byteCount: rows * columns * 4)
    return StoredMatrix(rows: rows, columns: columns, type: .f32, bytes: storage.pointer, owner: storage)
  }

  @Test func linears() throws {
    let backend = try Self.backend()
    let linear = try backend.linear([Self.stored(4, 6), Self.stored(2, 6)], bias: Tensor([6]))
    let (x, out) = try (Tensor([3, 6]), Tensor([3, 6]))
    try backend.apply(linear, to: x, into: out)
    try backend.accumulate(linear, of: x, gate: Modulation(Tensor([1, 6]), column: 0, rowsPerGroup: 3), into: out)
    expectShape("another width") { try backend.apply(linear, to: Tensor([3, 5]), into: out) }
    expectShape("another output") { try backend.apply(linear, to: x, into: Tensor([3, 7])) }
    expectShape("other rows") { try backend.apply(linear, to: x, into: Tensor([2, 6])) }
    expectShape("a sum in bfloat16") { try backend.accumulate(linear, of: x, into: Tensor([3, 6], type: .bf16)) }
    for gate in try [
      Modulation(Tensor([1, 6]), column: 1, rowsPerGroup: 3), Modulation(Tensor([1, 6]), column: -1, rowsPerGroup: 3),
      Modulation(Tensor([1, 6]), column: 0, rowsPerGroup: 2), Modulation(Tensor([1, 6]), column: 0, rowsPerGroup: 0),
      Modulation(Tensor([1, 6], type: .bf16), column: 0, rowsPerGroup: 3),
    ] {
      expectShape("a gate") { try backend.accumulate(linear, of: x, gate: gate, into: out) }
    }
    expectShape("stacked widths") { _ = try backend.linear([Self.stored(4, 6), Self.stored(2, 5)]) }
    expectShape("a bias") { _ = try backend.linear([Self.stored(4, 6)], bias: Tensor([5])) }
    expectShape("no layers in turn") { _ = try backend.linearsInTurn([]) }
    expectShape("layers in turn") {
      _ = try backend.linearsInTurn([([Self.stored(4, 6)], nil, nil), ([Self.stored(4, 5)], nil, nil)])
    }
    expectShape("a listed layer") { try backend.apply(Linear(unpacked: 6, 6, bias: nil), to: x, into: out) }
  }

  @Test(arguments: Backend.Kind.allCases) func rows(_ kind: Backend.Kind) throws {
    let backend = try Self.backend(kind)
    let (x, out, wide) = try (Tensor([3, 4]), Tensor([3, 4]), Tensor([3, 5]))
    try backend.activate(.silu, x, into: out)
    try backend.activate(.geluTanh, x, times: x, into: out)
    try backend.add(x, x, into: out)
    try backend.layerNorm(x, eps: 1e-6, into: out)
    try backend.rmsNorm(x, weight: Tensor([4]), eps: 1e-6, into: out)
    expectShape("activation") { try backend.activate(.relu, x, into: wide) }
    expectShape("the same count") { try backend.activate(.relu, x, into: Tensor([4, 3])) }
    expectShape("gate") { try backend.activate(.relu, x, times: wide, into: out) }
    expectShape("gated output") { try backend.activate(.relu, x, times: x, into: wide) }
    expectShape("sum") { try backend.add(x, wide, into: out) }
    expectShape("summed output") { try backend.add(x, x, into: wide) }
    expectShape("layer norm") { try backend.layerNorm(x, eps: 1e-6, into: wide) }
    expectShape("its weight") { try backend.layerNorm(x, eps: 1e-6, weight: Tensor([5]), into: out) }
    expectShape("its bias") { try backend.layerNorm(x, eps: 1e-6, bias: Tensor([4], type: .bf16), into: out) }
    let shift = Modulation(try Tensor([1, 8]), column: 0, rowsPerGroup: 3)
    try backend.layerNorm(x, eps: 1e-6, shift: shift, scale: shift, into: out)
    expectShape("a shift alone") { try backend.layerNorm(x, eps: 1e-6, shift: shift, into: out) }
    expectShape("two tables") {
      try backend.layerNorm(
        x, eps: 1e-6, shift: shift, scale: Modulation(Tensor([1, 9]), column: 0, rowsPerGroup: 3), into: out)
    }
    expectShape("a table too small") {
      let far = Modulation(shift.table, column: 5, rowsPerGroup: 3)
      try backend.layerNorm(x, eps: 1e-6, shift: far, scale: far, into: out)
    }
    expectShape("RMS norm") { try backend.rmsNorm(x, weight: Tensor([4]), eps: 1e-6, into: wide) }
    expectShape("its weight") { try backend.rmsNorm(x, weight: Tensor([3]), eps: 1e-6, into: out) }
  }

  @Test(arguments: Backend.Kind.allCases) func pixels(_ kind: Backend.Kind) throws {
    let backend = try Self.backend(kind)
    let (x, out, gain) = try (Tensor([1, 4, 6, 8]), Tensor([1, 4, 6, 8]), Tensor([8]))
    try backend.groupNorm(x, groups: 4, weight: gain, bias: gain, eps: 1e-6, into: out)
    expectShape("groups") { try backend.groupNorm(x, groups: 3, weight: gain, bias: gain, eps: 1e-6, into: out) }
    expectShape("no groups") { try backend.groupNorm(x, groups: 0, weight: gain, bias: gain, eps: 1e-6, into: out) }
    expectShape("weights") { try backend.groupNorm(x, groups: 4, weight: Tensor([4]), bias: gain, eps: 1e-6, into: out) }
    expectShape("output") {
      try backend.groupNorm(x, groups: 4, weight: gain, bias: gain, eps: 1e-6, into: Tensor([1, 6, 4, 8]))
    }
    let convolution = try backend.convolution(Self.stored(5, 8 * 9), bias: Tensor([5]))
    try backend.convolve(convolution, x, into: Tensor([1, 4, 6, 5]))
    try backend.convolve(convolution, x, upsample: 2, into: Tensor([1, 8, 12, 5]))
    try backend.convolve(convolution, x, stride: 2, padEndOnly: true, into: Tensor([1, 2, 3, 5]))
    expectShape("its channels") { try backend.convolve(convolution, Tensor([1, 4, 6, 7]), into: Tensor([1, 4, 6, 5])) }
    expectShape("its output") { try backend.convolve(convolution, x, into: Tensor([1, 4, 6, 6])) }
    expectShape("its size") { try backend.convolve(convolution, x, upsample: 2, into: Tensor([1, 8, 11, 5])) }
    expectShape("its stride") { try backend.convolve(convolution, x, stride: 3, into: Tensor([1, 2, 2, 5])) }
    expectShape("a residual") {
      try backend.convolve(convolution, x, residual: Tensor([1, 4, 6, 4]), into: Tensor([1, 4, 6, 5]))
    }
    expectShape("its weights") { _ = try backend.convolution(Self.stored(5, 8 * 9 + 1)) }
    expectShape("its bias") { _ = try backend.convolution(Self.stored(5, 8 * 9), bias: Tensor([4])) }
    expectShape("a listed one") {
      try backend.convolve(Convolution(unpacked: 5, 8, bias: nil), x, into: Tensor([1, 4, 6, 5]))
    }
  }

  @Test(arguments: Backend.Kind.allCases) func attention(_ kind: Backend.Kind) throws {
    let backend = try Self.backend(kind)
    let shape = AttentionShape(batch: 2, heads: 3, headSize: 4, queries: 5, keys: 7)
    let (q, k, out) = try (Tensor([10, 12]), Tensor([14, 12]), Tensor([10, 12]))
    func run(
      _ shape: AttentionShape = shape, q: Tensor = q, k: Tensor = k, v: Tensor = k, keys: AttentionKeys = AttentionKeys(),
      bias: [Int]? = nil, probabilities: [Int]? = nil, into: Tensor = out
    ) throws {
      try backend.attention(
        shape, q: q, k: k, v: v, reading: keys, bias: bias.map { try Tensor($0) },
        probabilities: probabilities.map { try Tensor($0) }, into: into)
    }
    try run()
    try run(
      keys: AttentionKeys(item: [1, 0], count: [7, 1], mask: [UInt8](repeating: 1, count: 14)), bias: [3, 5, 7],
      probabilities: [2, 5, 7])
    for (what, keys) in [
      ("items", AttentionKeys(item: [0])), ("an item", AttentionKeys(item: [0, 2])), ("an item", AttentionKeys(item: [-1, 0])),
      ("counts", AttentionKeys(count: [7])), ("a count", AttentionKeys(count: [0, 7])), ("a count", AttentionKeys(count: [8, 7])),
      ("a mask", AttentionKeys(mask: [1, 1, 1])), ("nothing to see", AttentionKeys(mask: [UInt8](repeating: 0, count: 14))),
      ("nothing of what there is", AttentionKeys(count: [1, 7], mask: [0] + [UInt8](repeating: 1, count: 13))),
    ] {
      expectShape(what) { try run(keys: keys) }
    }
    expectShape("queries") { try run(q: Tensor([9, 12])) }
    expectShape("their width") { try run(q: Tensor([10, 11])) }
    expectShape("keys") { try run(k: Tensor([13, 12]), v: Tensor([13, 12])) }
    expectShape("fewer items") { try run(k: Tensor([7, 12]), v: Tensor([7, 12])) }
    expectShape("values") { try run(v: Tensor([7, 12])) }
    expectShape("output") { try run(into: Tensor([10, 13])) }
    expectShape("types") { try run(k: Tensor([14, 12], type: .bf16), v: Tensor([14, 12], type: .bf16)) }
    expectShape("a bias") { try run(bias: [3, 5, 6]) }
    expectShape("a map") { try run(probabilities: [2, 5, 6]) }
    expectShape("no keys") { try run(AttentionShape(batch: 2, heads: 3, headSize: 4, queries: 5, keys: 0)) }
  }

  @Test func unknownInstructionSetsAreNamed() throws {
    #expect(throws: BackendError.self) { try Backend(cpu: "z80") }
    for level in Backend.cpuLevels { #expect(try Backend(threads: 1, cpu: level).cpuLevel == level) }
  }
}
