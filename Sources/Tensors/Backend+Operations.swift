import DiTCKernels

/// Shifts, scales and gates of adaptive layer norm: rows of one picture (group) share one row of this table.
package struct Modulation: Sendable {
  /// [groups, …] float32; the group's numbers start at `column` of its row.
  package let table: Tensor
  package let column: Int
  /// Token rows that share one row of the table.
  package let rowsPerGroup: Int

  package init(_ table: Tensor, column: Int, rowsPerGroup: Int) {
    self.table = table
    self.column = column
    self.rowsPerGroup = rowsPerGroup
  }

  /// For `rows` rows of `columns` numbers.
  func pointer(rows: Int, columns: Int) throws -> UnsafePointer<Float> {
    UnsafePointer(try mutablePointer(rows: rows, columns: columns))
  }

  /// The same of a table of gradients, to be written.
  func mutablePointer(rows: Int, columns: Int) throws -> UnsafeMutablePointer<Float> {
    guard column >= 0, column + columns <= table.columns, rowsPerGroup > 0, rows <= table.rows * rowsPerGroup else {
      throw BackendError.shape(
        "a modulation \(table.shape) from column \(column), \(rowsPerGroup) rows a group, for \(rows)×\(columns)")
    }
    return try floats(table) + column
  }
}

/// Every operation checks its operands and throws ``BackendError``: `.shape` where they do not fit each other, and
/// `.outOfMemory` where a kernel had no memory; the output must not be used then.
extension Backend {
  // MARK: linear

  /// out = act(x Wᵀ + b), x [rows, in] -> out [rows, out].
  package func apply(
    _ linear: Linear, to x: some MatrixOperand, activation: Activation = .none, into out: some MatrixOperand
  ) throws {
    let (x, out) = (x.matrix, out.matrix)
    if isLearning(linear, x) {
      try applyInParts(linear, to: x, into: out)
      if activation != .none { try activate(activation, out, into: out) }
      return
    }
    var epilogue = dk_epilogue()
    epilogue.activation = activation.kernel
    try run(linear, x, epilogue, out)
    tape?.wrote(out, from: [x], nil)
  }

  /// out += gate · (x Wᵀ + b); the gate is 1 where there is none. `out` is float32.
  package func accumulate(
    _ linear: Linear, of x: some MatrixOperand, gate: Modulation? = nil, into out: some MatrixOperand
  ) throws {
    let (x, out) = (x.matrix, out.matrix)
    guard out.type == .f32 else { throw BackendError.shape("a sum in bfloat16") }
    if isLearning(linear, x) || gate.map({ isFollowed($0.table) }) ?? false {
      let branch = try Tensor(unfilled: [x.rows, linear.outputs], type: .f32)
      try apply(linear, to: x, into: branch)
      return try accumulate(branch, gate: gate, into: out)
    }
    var epilogue = dk_epilogue()
    epilogue.residual = 1
    if let gate {
      epilogue.gate = try gate.pointer(rows: out.rows, columns: out.columns)
      epilogue.gate_stride = gate.table.columns
      epilogue.rows_per_group = gate.rowsPerGroup
    }
    try withExtendedLifetime(gate) { try run(linear, x, epilogue, out) }
  }

  func run(_ linear: Linear, _ x: Matrix, _ epilogue: dk_epilogue, _ out: Matrix) throws {
    guard x.columns == linear.inputs, out.columns == linear.outputs, x.rows == out.rows else {
      throw BackendError.shape(
        "a linear \(linear.outputs)×\(linear.inputs) of \(x.rows)×\(x.columns) into \(out.rows)×\(out.columns)")
    }
    var epilogue = epilogue
    if let bias = linear.bias { epilogue.bias = UnsafePointer(try floats(bias)) }
    try withExtendedLifetime((linear, x, out)) {
      try check(dk_linear(engine, x.rows, x.view, linear.packed(), &epilogue, out.view), "a linear layer")
    }
  }

  // MARK: elementwise

  /// out = act(x).
  package func activate(_ activation: Activation, _ x: some MatrixOperand, into out: some MatrixOperand) throws {
    let (x, out) = (x.matrix, out.matrix)
    try same(x, out, "activation")
    let back = try activationBack(activation, x)
    try withExtendedLifetime((x, out)) {
      try check(dk_activate(engine, activation.kernel, x.rows, x.columns, x.view, out.view), "an activation")
    }
    tape?.wrote(out, from: [x], back)
  }

  /// out = x.
  package func copy(_ x: some MatrixOperand, into out: some MatrixOperand) throws { try activate(.none, x, into: out) }

  /// out = act(a) · b.
  package func activate(
    _ activation: Activation, _ a: some MatrixOperand, times b: some MatrixOperand, into out: some MatrixOperand
  ) throws {
    let (a, b, out) = (a.matrix, b.matrix, out.matrix)
    try same(a, b, "gated activation")
    try same(a, out, "gated activation")
    let back = try activationBack(activation, a, times: b)
    try withExtendedLifetime((a, b, out)) {
      try check(
        dk_activate_multiply(engine, activation.kernel, a.rows, a.columns, a.view, b.view, out.view), "an activation")
    }
    tape?.wrote(out, from: [a, b], back)
  }

  /// out = x + y.
  package func add(_ x: some MatrixOperand, _ y: some MatrixOperand, into out: some MatrixOperand) throws {
    let (x, y, out) = (x.matrix, y.matrix, out.matrix)
    try same(x, y, "sum")
    try same(x, out, "sum")
    let back = sumBack(x, y)
    try withExtendedLifetime((x, y, out)) {
      try check(dk_add(engine, x.rows, x.columns, x.view, y.view, out.view), "a sum")
    }
    tape?.wrote(out, from: [x, y], back)
  }

  // MARK: norms

  /// LN(x), optionally · weight + bias, optionally · (1 + scale) + shift. x [rows, columns]; `out` may be `x`.
  package func layerNorm(
    _ x: some MatrixOperand, eps: Float, weight: Tensor? = nil, bias: Tensor? = nil, shift: Modulation? = nil,
    scale: Modulation? = nil, into out: some MatrixOperand
  ) throws {
    let (x, out) = (x.matrix, out.matrix)
    try same(x, out, "layer norm")
    var arguments = dk_layer_norm_arguments()
    arguments.eps = eps
    arguments.weight = try weight.map { UnsafePointer(try floats($0, count: x.columns)) }
    arguments.bias = try bias.map { UnsafePointer(try floats($0, count: x.columns)) }
    if let shift, let scale {
      guard shift.table.columns == scale.table.columns, shift.rowsPerGroup == scale.rowsPerGroup else {
        throw BackendError.shape("a shift and a scale of different tables")
      }
      arguments.shift = try shift.pointer(rows: x.rows, columns: x.columns)
      arguments.scale = try scale.pointer(rows: x.rows, columns: x.columns)
      arguments.modulation_stride = shift.table.columns
      arguments.rows_per_group = shift.rowsPerGroup
    } else if shift != nil || scale != nil {
      throw BackendError.shape("a shift without a scale, or the other way round")
    }
    let back = try layerNormBack(x, eps: eps, weight: weight, shift: shift, scale: scale)
    try withExtendedLifetime((x, weight, bias, shift, scale, out)) {
      try check(dk_layer_norm(engine, x.rows, x.columns, x.view, &arguments, out.view), "a layer norm")
    }
    tape?.wrote(out, from: [x], back)
  }

  /// x · rsqrt(mean(x²) + eps) · weight, optionally + bias. x [rows, columns]; `out` may be `x`.
  package func rmsNorm(
    _ x: some MatrixOperand, weight: Tensor, bias: Tensor? = nil, eps: Float, into out: some MatrixOperand
  ) throws {
    let (x, out) = (x.matrix, out.matrix)
    try same(x, out, "RMS norm")
    let gain = try floats(weight, count: x.columns)
    let offset = try bias.map { UnsafePointer(try floats($0, count: x.columns)) }
    let back = try rmsNormBack(x, weight: weight, eps: eps)
    try withExtendedLifetime((x, weight, bias, out)) {
      try check(dk_rms_norm(engine, x.rows, x.columns, x.view, gain, offset, eps, out.view), "an RMS norm")
    }
    tape?.wrote(out, from: [x], back)
  }

  /// GroupNorm of NHWC pixels x [batch, h, w, channels], then an activation.
  package func groupNorm(
    _ x: Tensor, groups: Int, weight: Tensor, bias: Tensor, eps: Float, activation: Activation = .none, into out: Tensor
  ) throws {
    guard x.shape.count == 4, x.shape == out.shape, groups > 0, x.columns % groups == 0 else {
      throw BackendError.shape("\(groups) groups of pixels \(x.shape) into \(out.shape)")
    }
    try refuseGradients(of: x.matrix, "a group norm")
    let (gain, offset) = try (floats(weight, count: x.columns), floats(bias, count: x.columns))
    try withExtendedLifetime((x, weight, bias, out)) {
      try check(
        dk_group_norm(
          engine, x.shape[0], x.shape[1] * x.shape[2], x.columns, groups, x.matrix.view, gain, offset, eps,
          activation.kernel, out.matrix.view), "a group norm")
    }
  }

  // MARK: compression

  /// LN(conv(x)) · weight + bias of a depthwise convolution over patches of `factor`² tokens: one token for each whole patch.
  /// - Parameters:
  ///   - x: [batch · height · width, columns].
  ///   - taps: [factor², columns]; `tapBias`, `weight`, `bias`: [columns].
  ///   - out: [batch · (height / factor) · (width / factor), columns].
  package func compress(
    _ x: some MatrixOperand, height: Int, width: Int, factor: Int, taps: Tensor, tapBias: Tensor, weight: Tensor,
    bias: Tensor, eps: Float, into out: some MatrixOperand
  ) throws {
    let (x, out) = (x.matrix, out.matrix)
    let small = factor > 0 ? height / factor * (width / factor) : 0
    guard small > 0, x.rows % (height * width) == 0, out.rows == x.rows / (height * width) * small, x.columns == out.columns
    else {
      throw BackendError.shape(
        "a compression of \(x.rows)×\(x.columns), \(height)×\(width) tokens by \(factor), into \(out.rows)×\(out.columns)")
    }
    try refuseGradients(of: x, "a compression of keys and values")
    var arguments = dk_compression_arguments(
      batch: x.rows / (height * width), height: height, width: width, factor: factor, columns: x.columns,
      weight: try floats(taps, count: factor * factor * x.columns), bias: try floats(tapBias, count: x.columns),
      norm_weight: try floats(weight, count: x.columns), norm_bias: try floats(bias, count: x.columns), eps: eps)
    try withExtendedLifetime((x, taps, tapBias, weight, bias, out)) {
      try check(dk_compress(engine, &arguments, x.view, out.view), "a compression of keys and values")
    }
  }

  // MARK: convolution (NHWC)

  /// act(conv3×3(up(x)) + bias + residual). x [batch, h, w, in] -> out [batch, h', w', out].
  /// - Parameters:
  ///   - upsample: 1, or 2: nearest-neighbour doubling of x first.
  ///   - stride: 1 or 2.
  package func convolve(
    _ convolution: Convolution, _ x: Tensor, upsample: Int = 1, stride: Int = 1, padEndOnly: Bool = false,
    activation: Activation = .none, residual: Tensor? = nil, into out: Tensor
  ) throws {
    let after = { (side: Int) in (side * upsample + stride - 1) / stride }
    guard x.shape.count == 4, x.columns == convolution.inputs, [1, 2].contains(upsample), [1, 2].contains(stride),
      out.shape == [x.shape[0], after(x.shape[1]), after(x.shape[2]), convolution.outputs],
      residual.map({ $0.shape == out.shape }) ?? true
    else {
      throw BackendError.shape(
        "a convolution of \(convolution.inputs) to \(convolution.outputs) channels of \(x.shape) into \(out.shape)"
          + (residual.map { " with a residual \($0.shape)" } ?? ""))
    }
    try refuseGradients(of: x.matrix, "a convolution")
    var arguments = dk_convolution_arguments(
      batch: x.shape[0], height: x.shape[1], width: x.shape[2], upsample: Int32(upsample), stride: Int32(stride),
      pad_end_only: padEndOnly ? 1 : 0, bias: try convolution.bias.map { UnsafePointer(try floats($0)) },
      activation: activation.kernel)
    let none = dk_rows(type: DK_F32, data: nil, stride: 0)
    try withExtendedLifetime((convolution, x, residual, out)) {
      try check(
        dk_convolve(
          engine, convolution.packed(), &arguments, x.matrix.view, residual?.matrix.view ?? none, out.matrix.view),
        "a convolution")
    }
  }

  func same(_ a: Matrix, _ b: Matrix, _ operation: String) throws {
    guard a.rows == b.rows, a.columns == b.columns else {
      throw BackendError.shape("a \(operation) of \(a.rows)×\(a.columns) and \(b.rows)×\(b.columns)")
    }
  }
}

/// The float32 numbers of a tensor; only for calls that keep it alive.
/// - Parameter count: how many there must be; nil: any.
func floats(_ tensor: Tensor, count: Int? = nil) throws -> UnsafeMutablePointer<Float> {
  guard tensor.type == .f32, count.map({ $0 == tensor.count }) ?? true else {
    throw BackendError.shape("\(count.map(String.init) ?? "some") float32 numbers, not \(tensor.shape) of \(tensor.type.rawValue)")
  }
  return tensor.pointer.assumingMemoryBound(to: Float.self)
}
