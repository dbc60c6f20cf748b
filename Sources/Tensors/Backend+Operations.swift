import DiTCKernels

/// Shifts, scales and gates of adaptive layer norm: rows of one picture (group) share one row of this table.
package struct Modulation {
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
}

/// A range of columns of a matrix: q, k and v inside one fused product, for instance.
package struct Columns {
  package let tensor: Tensor
  package let start: Int

  package init(_ tensor: Tensor, from start: Int = 0) {
    self.tensor = tensor
    self.start = start
  }

  var view: dk_rows { tensor.rowsView(column: start) }
}

extension Backend {
  // MARK: linear

  /// out = act(x Wᵀ + b), x [rows, in] -> out [rows, out].
  package func apply(
    _ linear: Linear, to x: Tensor, activation: dk_activation = DK_ACT_NONE, into out: Tensor
  ) {
    var epilogue = dk_epilogue()
    epilogue.activation = activation
    run(linear, x, epilogue, out)
  }

  /// out += gate · (x Wᵀ + b); the gate is 1 where there is none. `out` is float32.
  package func accumulate(_ linear: Linear, of x: Tensor, gate: Modulation? = nil, into out: Tensor) {
    var epilogue = dk_epilogue()
    epilogue.residual = 1
    if let gate {
      epilogue.gate = UnsafePointer(gate.pointer)
      epilogue.gate_stride = gate.table.columns
      epilogue.rows_per_group = gate.rowsPerGroup
    }
    withExtendedLifetime(gate) { run(linear, x, epilogue, out) }
  }

  private func run(_ linear: Linear, _ x: Tensor, _ epilogue: dk_epilogue, _ out: Tensor) {
    precondition(x.columns == linear.inputs && out.columns == linear.outputs && x.rows == out.rows)
    var epilogue = epilogue
    if let bias = linear.bias { epilogue.bias = UnsafePointer(bias.floatPointer) }
    withExtendedLifetime((linear, x, out)) {
      check(dk_linear(engine, x.rows, x.rowsView(), linear.packed, &epilogue, out.rowsView()))
    }
  }

  // MARK: elementwise

  /// out = act(x).
  package func activate(_ activation: dk_activation, _ x: Tensor, into out: Tensor) {
    precondition(x.count == out.count)
    withExtendedLifetime((x, out)) {
      check(dk_activate(engine, activation, x.rows, x.columns, x.rowsView(), out.rowsView()))
    }
  }

  /// out = act(a) · b.
  package func activate(_ activation: dk_activation, _ a: Tensor, times b: Tensor, into out: Tensor) {
    precondition(a.count == out.count && b.count == out.count)
    withExtendedLifetime((a, b, out)) {
      check(dk_activate_multiply(engine, activation, a.rows, a.columns, a.rowsView(), b.rowsView(), out.rowsView()))
    }
  }

  /// out = x + y.
  package func add(_ x: Tensor, _ y: Tensor, into out: Tensor) {
    precondition(x.count == out.count && y.count == out.count)
    withExtendedLifetime((x, y, out)) {
      check(dk_add(engine, x.rows, x.columns, x.rowsView(), y.rowsView(), out.rowsView()))
    }
  }

  // MARK: norms

  /// LN(x), optionally · weight + bias, optionally · (1 + scale) + shift. x [rows, columns].
  package func layerNorm(
    _ x: Tensor, eps: Float, weight: Tensor? = nil, bias: Tensor? = nil, shift: Modulation? = nil,
    scale: Modulation? = nil, into out: Tensor
  ) {
    precondition(x.rows == out.rows && x.columns == out.columns)
    var arguments = dk_layer_norm_arguments()
    arguments.eps = eps
    if let weight { arguments.weight = UnsafePointer(weight.floatPointer) }
    if let bias { arguments.bias = UnsafePointer(bias.floatPointer) }
    if let shift, let scale {
      precondition(shift.table.columns == scale.table.columns && shift.rowsPerGroup == scale.rowsPerGroup)
      arguments.shift = UnsafePointer(shift.pointer)
      arguments.scale = UnsafePointer(scale.pointer)
      arguments.modulation_stride = shift.table.columns
      arguments.rows_per_group = shift.rowsPerGroup
    }
    withExtendedLifetime((x, weight, bias, shift, scale, out)) {
      check(dk_layer_norm(engine, x.rows, x.columns, x.rowsView(), &arguments, out.rowsView()))
    }
  }

  /// LN(x) · weight + bias of `columns` columns of wider rows; `out` may be `x`.
  package func layerNorm(
    _ x: Columns, columns: Int, eps: Float, weight: Tensor, bias: Tensor, into out: Columns
  ) {
    precondition(x.start + columns <= x.tensor.columns && out.start + columns <= out.tensor.columns)
    precondition(x.tensor.rows == out.tensor.rows && weight.count == columns && bias.count == columns)
    var arguments = dk_layer_norm_arguments()
    arguments.eps = eps
    arguments.weight = UnsafePointer(weight.floatPointer)
    arguments.bias = UnsafePointer(bias.floatPointer)
    withExtendedLifetime((x, weight, bias, out)) {
      check(dk_layer_norm(engine, x.tensor.rows, columns, x.view, &arguments, out.view))
    }
  }

  /// x · rsqrt(mean(x²) + eps) · weight. x [rows, columns].
  package func rmsNorm(_ x: Tensor, weight: Tensor, eps: Float, into out: Tensor) {
    precondition(x.rows == out.rows && x.columns == out.columns && weight.count == x.columns)
    withExtendedLifetime((x, weight, out)) {
      check(dk_rms_norm(engine, x.rows, x.columns, x.rowsView(), weight.floatPointer, eps, out.rowsView()))
    }
  }

  /// GroupNorm of NHWC pixels x [batch, h, w, channels], then an activation.
  package func groupNorm(
    _ x: Tensor, groups: Int, weight: Tensor, bias: Tensor, eps: Float, activation: dk_activation = DK_ACT_NONE,
    into out: Tensor
  ) {
    precondition(x.shape.count == 4 && x.count == out.count && weight.count == x.columns)
    withExtendedLifetime((x, weight, bias, out)) {
      check(
        dk_group_norm(
          engine, x.shape[0], x.shape[1] * x.shape[2], x.columns, groups, x.rowsView(), weight.floatPointer,
          bias.floatPointer, eps, activation, out.rowsView()))
    }
  }

  // MARK: attention

  /// softmax(scale · q kᵀ + bias) v for every picture and head; see `dk_attention_arguments`.
  /// - Parameters:
  ///   - queries: query rows a picture; `keys`: key rows stored for one item.
  ///   - keyItem: for each picture the item whose keys it reads (nil: its own index).
  ///   - keyCount: for each item how many of its keys exist.
  ///   - keyMask: [items · keys], 1 = attend.
  ///   - bias: [heads, queries, keys].
  ///   - probabilities: [batch, queries, keys], to which the mean attention over heads is added.
  package func attention(
    batch: Int, heads: Int, headSize: Int, queries: Int, keys: Int, scale: Float, q: Columns, k: Columns, v: Columns,
    keyItem: [Int32]? = nil, keyCount: [Int32]? = nil, keyMask: [UInt8]? = nil, bias: Tensor? = nil,
    probabilities: Tensor? = nil, into out: Tensor
  ) {
    withOptionalPointer(keyItem) { item in
      withOptionalPointer(keyCount) { count in
        withOptionalPointer(keyMask) { mask in
          withExtendedLifetime((q, k, v, bias, probabilities, out)) {
            var arguments = dk_attention_arguments(
              batch: batch, heads: heads, head_dim: headSize, queries: queries, keys: keys, scale: scale, q: q.view,
              k: k.view, v: v.view, out: out.rowsView(), key_item: item, key_count: count, key_mask: mask,
              bias: bias.map { UnsafePointer($0.floatPointer) }, probabilities: probabilities?.floatPointer)
            check(dk_attention(engine, &arguments))
          }
        }
      }
    }
  }

  // MARK: convolution (NHWC)

  /// act(conv3×3(up(x)) + bias + residual). x [batch, h, w, in] -> out [batch, h', w', out].
  package func convolve(
    _ convolution: Convolution, _ x: Tensor, upsample: Int = 1, stride: Int = 1, padEndOnly: Bool = false,
    activation: dk_activation = DK_ACT_NONE, residual: Tensor? = nil, into out: Tensor
  ) {
    precondition(x.shape.count == 4 && x.columns == convolution.inputs && out.columns == convolution.outputs)
    precondition(residual.map { $0.count == out.count } ?? true)
    var arguments = dk_convolution_arguments(
      batch: x.shape[0], height: x.shape[1], width: x.shape[2], upsample: Int32(upsample), stride: Int32(stride),
      pad_end_only: padEndOnly ? 1 : 0, bias: convolution.bias.map { UnsafePointer($0.floatPointer) },
      activation: activation)
    let none = dk_rows(type: DK_F32, data: nil, stride: 0)
    withExtendedLifetime((convolution, x, residual, out)) {
      check(
        dk_convolve(
          engine, convolution.packed, &arguments, x.rowsView(), residual?.rowsView() ?? none, out.rowsView()))
    }
  }
}

extension Modulation {
  var pointer: UnsafeMutablePointer<Float> { table.floatPointer + column }
}

extension Tensor {
  /// Only for calls that keep the tensor alive.
  var floatPointer: UnsafeMutablePointer<Float> {
    precondition(type == .f32, "a float32 tensor is needed")
    return (storage.pointer + offset * 4).assumingMemoryBound(to: Float.self)
  }
}

private func withOptionalPointer<Element, Result>(
  _ array: [Element]?, _ body: (UnsafePointer<Element>?) -> Result
) -> Result {
  guard let array else { return body(nil) }
  return array.withUnsafeBufferPointer { body($0.baseAddress) }
}
