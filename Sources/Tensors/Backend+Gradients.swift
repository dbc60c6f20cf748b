import DiTCKernels

/// What a loss changes by for what went into an operation: its gradient, found from that of what came out (`dy`).
///
/// Every gradient is float32, has the shape of what it is the gradient of, and is added to what is there; what went in may be
/// bfloat16. The functions throw ``BackendError`` as those of the operations do.
extension Backend {
  // MARK: elementwise

  /// Of ``activate(_:_:into:)``: dx += dy · act'(x).
  package func activationGradient(
    _ activation: Activation, of x: some MatrixOperand, dy: some MatrixOperand, into dx: some MatrixOperand
  ) throws {
    let (x, dy, dx) = (x.matrix, dy.matrix, dx.matrix)
    try fits([dy, dx], x, "an activation")
    try withExtendedLifetime((x, dy, dx)) {
      try check(
        dk_activate_gradient(engine, activation.kernel, x.rows, x.columns, x.view, dy.view, dx.view), "a gradient")
    }
  }

  /// out += a · b. `out` is float32.
  package func multiplyAdd(_ a: some MatrixOperand, _ b: some MatrixOperand, into out: some MatrixOperand) throws {
    let (a, b, out) = (a.matrix, b.matrix, out.matrix)
    try same(a, b, "product")
    try fits([out], a, "a product")
    try withExtendedLifetime((a, b, out)) {
      try check(dk_multiply_add(engine, a.rows, a.columns, a.view, b.view, out.view), "a gradient")
    }
  }

  // MARK: norms and gates

  /// Of ``layerNorm(_:eps:weight:bias:shift:scale:into:)`` without bias.
  /// - Parameters:
  ///   - scale: as there.
  ///   - dShift: what the gradient of the shift is added to, the rows of a group together; nil: not wanted.
  ///   - dScale: the same of the scale. The tables of all three are equally wide and have as many rows a group.
  package func layerNormGradient(
    of x: some MatrixOperand, eps: Float, weight: Tensor? = nil, scale: Modulation? = nil, dShift: Modulation? = nil,
    dScale: Modulation? = nil, dy: some MatrixOperand, into dx: some MatrixOperand
  ) throws {
    let (x, dy, dx) = (x.matrix, dy.matrix, dx.matrix)
    try fits([dy, dx], x, "a layer norm")
    var arguments = dk_layer_norm_gradient_arguments()
    arguments.eps = eps
    arguments.weight = try weight.map { UnsafePointer(try floats($0, count: x.columns)) }
    arguments.scale = try scale?.pointer(rows: x.rows, columns: x.columns)
    arguments.d_shift = try dShift?.mutablePointer(rows: x.rows, columns: x.columns)
    arguments.d_scale = try dScale?.mutablePointer(rows: x.rows, columns: x.columns)
    let tables = [scale, dShift, dScale].compactMap { $0 }
    if let first = tables.first {
      guard tables.allSatisfy({ $0.table.columns == first.table.columns && $0.rowsPerGroup == first.rowsPerGroup }) else {
        throw BackendError.shape("a scale and gradients of different tables")
      }
      arguments.modulation_stride = first.table.columns
      arguments.rows_per_group = first.rowsPerGroup
    }
    try withExtendedLifetime((x, weight, tables, dy, dx)) {
      try check(dk_layer_norm_gradient(engine, x.rows, x.columns, x.view, &arguments, dy.view, dx.view), "a gradient")
    }
  }

  /// Of ``rmsNorm(_:weight:bias:eps:into:)``.
  /// - Parameter dWeight: [columns], what the gradient of the weight is added to; nil: not wanted.
  package func rmsNormGradient(
    of x: some MatrixOperand, weight: Tensor, eps: Float, dWeight: Tensor? = nil, dy: some MatrixOperand,
    into dx: some MatrixOperand
  ) throws {
    let (x, dy, dx) = (x.matrix, dy.matrix, dx.matrix)
    try fits([dy, dx], x, "an RMS norm")
    let gain = try floats(weight, count: x.columns)
    let sums = try dWeight.map { try floats($0, count: x.columns) }
    try withExtendedLifetime((x, weight, dWeight, dy, dx)) {
      try check(dk_rms_norm_gradient(engine, x.rows, x.columns, x.view, gain, eps, dy.view, dx.view, sums), "a gradient")
    }
  }

  /// Of out += gate · branch, what ``accumulate(_:of:gate:into:)`` does with its product: dBranch += gate · dy, and
  /// dGate += Σ dy · branch over the rows of a group.
  /// - Parameters:
  ///   - gate: nil: 1.
  ///   - branch: the product, before it was multiplied by the gate; read for `dGate` only.
  ///   - dGate: nil: not wanted. Its table is as wide as that of the gate.
  package func gateGradient(
    dy: some MatrixOperand, gate: Modulation?, branch: some MatrixOperand, into dBranch: some MatrixOperand,
    dGate: Modulation? = nil
  ) throws {
    let (dy, branch, dBranch) = (dy.matrix, branch.matrix, dBranch.matrix)
    try fits([dy, dBranch], branch, "a gate")
    let numbers = try gate?.pointer(rows: dy.rows, columns: dy.columns)
    let sums = try dGate?.mutablePointer(rows: dy.rows, columns: dy.columns)
    if let gate, let dGate, gate.table.columns != dGate.table.columns || gate.rowsPerGroup != dGate.rowsPerGroup {
      throw BackendError.shape("a gate and a gradient of different tables")
    }
    let table = gate ?? dGate
    try withExtendedLifetime((dy, gate, branch, dBranch, dGate)) {
      try check(
        dk_gate_gradient(
          engine, dy.rows, dy.columns, dy.view, numbers, table?.table.columns ?? 0, table?.rowsPerGroup ?? 0, branch.view,
          dBranch.view, sums), "a gradient")
    }
  }

  // MARK: attention

  /// Of ``attention(_:q:k:v:reading:bias:probabilities:into:)`` without cap. Nothing of the forward pass is needed but what
  /// went in: the weights are computed again.
  /// - Parameters:
  ///   - dOut: as `q`.
  ///   - dQ, dK, dV: as `q`, `k` and `v`. Keys that nobody reads get exactly 0 more.
  package func attentionGradient(
    _ shape: AttentionShape, q: some MatrixOperand, k: some MatrixOperand, v: some MatrixOperand,
    reading chosen: AttentionKeys = AttentionKeys(), bias: Tensor? = nil, dOut: some MatrixOperand,
    into dQ: some MatrixOperand, _ dK: some MatrixOperand, _ dV: some MatrixOperand
  ) throws {
    let (q, k, v, dOut, dQ, dK, dV) = (q.matrix, k.matrix, v.matrix, dOut.matrix, dQ.matrix, dK.matrix, dV.matrix)
    try Backend.checkAttention(shape, q, k, v, chosen)
    try fits([dOut, dQ], q, "attention's queries")
    try fits([dK, dV], k, "attention's keys")
    guard shape.cap == 0 else { throw BackendError.shape("a gradient of capped scores") }
    let biasNumbers = try bias.map { UnsafePointer(try floats($0, count: shape.heads * shape.queries * shape.keys)) }
    try withExtendedLifetime((q, k, v, bias, dOut, dQ, dK, dV)) {
      try Backend.withArguments(shape, q, k, v, chosen, biasNumbers) { arguments in
        var gradient = dk_attention_gradient_arguments(
          attention: arguments, d_out: dOut.view, d_q: dQ.view, d_k: dK.view, d_v: dV.view)
        try DiTTensors.check(dk_attention_gradient(engine, &gradient), "a gradient of attention")
      }
    }
  }

  // MARK: products of adapters

  /// h = x mᵀ of an adapter's matrix (LoRA, arXiv 2106.09685): x [rows, columns] and m [rank, columns] into h [rows, rank].
  package func project(_ x: some MatrixOperand, by m: Tensor, into h: Tensor) throws {
    let x = x.matrix, numbers = try (thin(m, x, h), floats(h))
    try withExtendedLifetime((x, m, h)) {
      try check(dk_thin_project(engine, x.rows, x.columns, m.rows, x.view, numbers.0, numbers.1), "an adapter")
    }
  }

  /// out += scale · h m, h [rows, rank] and m [rank, columns]. `out` may be bfloat16.
  package func expand(_ h: Tensor, by m: Tensor, scale: Float = 1, into out: some MatrixOperand) throws {
    let out = out.matrix, numbers = try (floats(h), thin(m, out, h))
    try withExtendedLifetime((h, m, out)) {
      try check(
        dk_thin_expand(engine, out.rows, out.columns, m.rows, numbers.0, numbers.1, scale, out.view), "an adapter")
    }
  }

  /// dm += scale · hᵀ x, h [rows, rank] and x [rows, columns] into dm [rank, columns].
  package func thinGradient(_ h: Tensor, of x: some MatrixOperand, scale: Float = 1, into dm: Tensor) throws {
    let x = x.matrix, numbers = try (floats(h), thin(dm, x, h))
    try withExtendedLifetime((h, x, dm)) {
      try check(
        dk_thin_gradient(engine, x.rows, x.columns, dm.rows, numbers.0, x.view, scale, numbers.1), "a gradient")
    }
  }

  /// The numbers of a matrix of few rows that fits `wide` [rows, columns] and `narrow` [rows, rank].
  private func thin(_ m: Tensor, _ wide: Matrix, _ narrow: Tensor) throws -> UnsafeMutablePointer<Float> {
    guard m.columns == wide.columns, narrow.rows == wide.rows, narrow.columns == m.rows else {
      throw BackendError.shape("a thin product of \(wide.rows)×\(wide.columns), \(m.shape) and \(narrow.shape)")
    }
    return try floats(m)
  }

  /// Gradients have the shape of what they belong to, and are float32.
  private func fits(_ gradients: [Matrix], _ x: Matrix, _ operation: String) throws {
    for gradient in gradients {
      try same(x, gradient, "gradient of \(operation)")
      guard gradient.type == .f32 else { throw BackendError.shape("a gradient of \(operation) in bfloat16") }
    }
  }
}
