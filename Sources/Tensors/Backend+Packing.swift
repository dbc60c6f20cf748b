import DiTCKernels

extension Backend {
  private func weightKind(_ matrices: [StoredMatrix]) -> dk_weight_kind {
    switch precision {
    case .auto, .f32: DK_WEIGHT_F32
    case .bf16: DK_WEIGHT_BF16
    case .int12: keepsBytes && matrices.allSatisfy { $0.type == .i8 } ? DK_WEIGHT_INT8 : DK_WEIGHT_INT12
    case .int8: DK_WEIGHT_INT8
    }
  }

  /// Whether weights stored as int8 are multiplied by activations of twelve bits, so that they need no more memory than in
  /// their file: where the CPU has no dot products of bytes.
  private var keepsBytes: Bool { dk_engine_has_vnni(engine) == 0 }

  /// Packs a linear layer. Several matrices of one width are stacked along their outputs (q, k, v become one).
  /// - Parameter precise: keep it float32 whatever the precision (small layers that feed everything, like the timestep MLP).
  package func linear(
    _ matrices: [StoredMatrix], bias: Tensor? = nil, precise: Bool = false, adapter: Adapter? = nil
  ) throws -> Linear {
    try linear(matrices, bias, precise ? DK_WEIGHT_F32 : weightKind(matrices), adapter)
  }

  /// What convolutions are packed in: never int8.
  private var pixelKind: dk_weight_kind {
    activationType == .bf16 ? DK_WEIGHT_BF16 : multipliesLevels ? DK_WEIGHT_INT12 : DK_WEIGHT_F32
  }

  /// Packs a 1×1 convolution as a linear over pixels, in the type 3×3 convolutions are packed in.
  package func pointwise(_ matrices: [StoredMatrix], bias: Tensor? = nil) throws -> Linear {
    try linear(matrices, bias, pixelKind)
  }

  private func linear(
    _ matrices: [StoredMatrix], _ bias: Tensor?, _ kind: dk_weight_kind, _ adapter: Adapter? = nil
  ) throws -> Linear {
    let (outputs, inputs) = try Backend.shape(matrices, bias)
    let memory = try memory(outputs, inputs, kind)
    try fill(memory, matrices)
    return try made(outputs, inputs, (matrices, bias, adapter), memory)
  }

  private func made(_ outputs: Int, _ inputs: Int, _ layer: LinearsInTurn.Layer, _ memory: PackedMatrix) throws -> Linear {
    if let adapter = layer.adapter, adapter.down.columns != inputs || adapter.up.columns != outputs {
      throw BackendError.shape("an adapter \(adapter.down.shape) and \(adapter.up.shape) of a layer \(outputs)×\(inputs)")
    }
    return Linear(
      outputs: outputs, inputs: inputs, bias: layer.bias, memory: memory, sources: tape == nil ? [] : layer.matrices,
      adapter: layer.adapter)
  }

  /// For layers of one shape that a drawing needs once: no more than one of them is in memory.
  package func linearsInTurn(_ layers: [LinearsInTurn.Layer]) throws -> LinearsInTurn {
    guard let first = layers.first else { throw BackendError.shape("no layers to take in turn") }
    let (outputs, inputs) = try Backend.shape(first.matrices, first.bias)
    for layer in layers where try Backend.shape(layer.matrices, layer.bias) != (outputs, inputs) {
      throw BackendError.shape("layers in turn that differ from \(outputs)×\(inputs)")
    }
    return LinearsInTurn(layers, outputs: outputs, inputs: inputs)
  }

  /// Packs one layer after the other into memory that lasts as long as this call, and collects what `body` makes of each.
  package func inTurn<Result>(_ turns: LinearsInTurn, _ body: (Linear) throws -> Result) throws -> [Result] {
    let memory = try memory(turns.outputs, turns.inputs, weightKind(turns.layers.flatMap(\.matrices)))
    return try turns.layers.map { layer in
      try fill(memory, layer.matrices)
      return try body(made(turns.outputs, turns.inputs, layer, memory))
    }
  }

  /// Packs a 3×3 convolution; `matrix` is [out][in·9], PyTorch's [out, in, 3, 3].
  /// - Parameter precise: keep it float32 whatever the precision (the few channels of latents and pictures).
  package func convolution(_ matrix: StoredMatrix, bias: Tensor? = nil, precise: Bool = false) throws -> Convolution {
    guard matrix.columns % 9 == 0, bias.map({ $0.count == matrix.rows && $0.type == .f32 }) ?? true else {
      throw BackendError.shape("a 3×3 convolution of \(matrix.rows)×\(matrix.columns) numbers")
    }
    let kind = precise ? DK_WEIGHT_F32 : pixelKind
    let packed = Backend.withSources([matrix]) { sources in
      dk_convolution_pack(engine, kind, matrix.rows, matrix.columns / 9, sources)
    }
    guard let packed else { throw BackendError.outOfMemory("a convolution of \(matrix.rows) channels") }
    matrix.release()
    return Convolution(outputs: matrix.rows, inputs: matrix.columns / 9, bias: bias, packed: packed)
  }

  private static func shape(_ matrices: [StoredMatrix], _ bias: Tensor?) throws -> (outputs: Int, inputs: Int) {
    let outputs = matrices.reduce(0) { $0 + $1.rows }
    let inputs = matrices.first?.columns ?? 0
    guard outputs > 0, inputs > 0, matrices.allSatisfy({ $0.columns == inputs }) else {
      throw BackendError.shape("stacked matrices \(matrices.map { "\($0.rows)×\($0.columns)" }.joined(separator: ", "))")
    }
    guard bias.map({ $0.count == outputs && $0.type == .f32 }) ?? true else {
      throw BackendError.shape("a bias \(bias?.shape ?? []) for \(outputs) outputs")
    }
    return (outputs, inputs)
  }

  private func memory(_ outputs: Int, _ inputs: Int, _ kind: dk_weight_kind) throws -> PackedMatrix {
    guard let pointer = dk_weight_create(engine, kind, outputs, inputs) else {
      throw BackendError.outOfMemory("a \(outputs)×\(inputs) matrix")
    }
    return PackedMatrix(pointer)
  }

  private func fill(_ memory: PackedMatrix, _ matrices: [StoredMatrix]) throws {
    try check(Backend.withSources(matrices) { dk_weight_fill(engine, memory.pointer, $0) }, "packing a matrix")
    for matrix in matrices { matrix.release() }
  }

  private static func withSources<Result>(
    _ matrices: [StoredMatrix], _ body: (UnsafePointer<dk_source>?) -> Result
  ) -> Result {
    let scales = matrices.map { $0.scales ?? [] }.flatMap { $0 }
    return scales.withUnsafeBufferPointer { all in
      var at = 0
      let sources = matrices.map { matrix -> dk_source in
        defer { at += matrix.scales?.count ?? 0 }
        return dk_source(
          type: matrix.type.stored ?? DK_STORED_F32, rows: matrix.rows, data: matrix.bytes,
          scales: matrix.scales == nil ? nil : all.baseAddress.map { $0 + at })
      }
      return withExtendedLifetime(matrices.map(\.owner)) {
        sources.withUnsafeBufferPointer { body($0.baseAddress) }
      }
    }
  }
}
