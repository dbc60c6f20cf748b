import DiTCKernels

/// What an attention reads and writes beside its numbers.
package struct AttentionShape: Sendable {
  /// Pictures, heads, and numbers of a head.
  package var batch, heads, headSize: Int
  /// Query rows of a picture, and key rows stored for one item.
  package var queries, keys: Int
  /// Factor of the scores; 1/√headSize but in T5.
  package var scale: Float
  /// Scores s become cap · tanh(s / cap) before the bias is added; 0: they do not (Gemma 2).
  package var cap: Float

  package init(batch: Int, heads: Int, headSize: Int, queries: Int, keys: Int, scale: Float? = nil, cap: Float = 0) {
    (self.batch, self.heads, self.headSize, self.queries, self.keys) = (batch, heads, headSize, queries, keys)
    self.scale = scale ?? 1 / Float(headSize).squareRoot()
    self.cap = cap
  }
}

/// Which keys a picture reads; all of its own where nothing is said.
package struct AttentionKeys: Sendable {
  /// For each picture the item whose keys it reads; nil: its own index.
  package var item: [Int32]?
  /// For each item how many of its keys exist; nil: all.
  package var count: [Int32]?
  /// [items · keys], 1 = attend; nil: all.
  package var mask: [UInt8]?

  package init(item: [Int32]? = nil, count: [Int32]? = nil, mask: [UInt8]? = nil) {
    (self.item, self.count, self.mask) = (item, count, mask)
  }
}

extension Backend {
  /// softmax(cap(scale · q kᵀ) + bias) v for every picture and head.
  /// - Parameters:
  ///   - q: [batch · queries, heads · headSize]; k and v: [items · keys, heads · headSize]; `out` as `q`, all of one type.
  ///   - bias: [heads, queries, keys], added to the scores of every picture.
  ///   - probabilities: [batch, queries, keys], to which the mean attention over heads is added.
  /// - Throws: ``BackendError``.
  package func attention(
    _ shape: AttentionShape, q: some MatrixOperand, k: some MatrixOperand, v: some MatrixOperand,
    reading chosen: AttentionKeys = AttentionKeys(), bias: Tensor? = nil, probabilities: Tensor? = nil,
    into out: some MatrixOperand
  ) throws {
    let (q, k, v, out) = (q.matrix, k.matrix, v.matrix, out.matrix)
    try Backend.checkAttention(shape, q, k, v, chosen)
    guard out.rows == q.rows, out.columns == q.columns, out.type == q.type else {
      throw BackendError.shape("attention, \(q.rows)×\(q.columns) into \(out.rows)×\(out.columns), or into another type")
    }
    let scores = shape.queries * shape.keys
    let biasNumbers = try bias.map { UnsafePointer(try floats($0, count: shape.heads * scores)) }
    let sums = try probabilities.map { try floats($0, count: shape.batch * scores) }
    let back = try attentionBack(shape, q, k, v, chosen, bias)
    try withExtendedLifetime((q, k, v, bias, probabilities, out)) {
      try Backend.withArguments(shape, q, k, v, chosen, biasNumbers) { arguments in
        arguments.out = out.view
        arguments.levels = multipliesLevels ? 1 : 0
        arguments.probabilities = sums
        try DiTTensors.check(dk_attention(engine, &arguments), "attention")
      }
    }
    tape?.wrote(out, from: [q, k, v], back)
  }

  /// What an attention and its gradient are told of what they read; the operands outlive the call.
  static func withArguments(
    _ shape: AttentionShape, _ q: Matrix, _ k: Matrix, _ v: Matrix, _ chosen: AttentionKeys, _ bias: UnsafePointer<Float>?,
    _ body: (inout dk_attention_arguments) throws -> Void
  ) throws {
    try withOptionalPointer(chosen.item) { item in
      try withOptionalPointer(chosen.count) { count in
        try withOptionalPointer(chosen.mask) { mask in
          var arguments = dk_attention_arguments()
          (arguments.batch, arguments.heads, arguments.head_dim) = (shape.batch, shape.heads, shape.headSize)
          (arguments.queries, arguments.keys) = (shape.queries, shape.keys)
          (arguments.scale, arguments.cap, arguments.bias) = (shape.scale, shape.cap, bias)
          (arguments.q, arguments.k, arguments.v) = (q.view, k.view, v.view)
          (arguments.key_item, arguments.key_count, arguments.key_mask) = (item, count, mask)
          try body(&arguments)
        }
      }
    }
  }

  /// Attention without softmax, of tokens among themselves: Σₘ (r(qₙ)·r(kₘ)) vₘ / (Σₘ r(qₙ)·r(kₘ) + eps) with r = ReLU for
  /// every picture and head (arXiv 2006.16236; 2205.14756). Work and memory grow with the tokens, not with their square.
  /// - Parameters:
  ///   - tokens: of one picture.
  ///   - q: [batch · tokens, heads · headSize], as k, v and `out`.
  /// - Throws: ``BackendError``.
  package func linearAttention(
    heads: Int, tokens: Int, eps: Float, q: some MatrixOperand, k: some MatrixOperand, v: some MatrixOperand,
    into out: some MatrixOperand
  ) throws {
    let (q, k, v, out) = (q.matrix, k.matrix, v.matrix, out.matrix)
    guard heads > 0, tokens > 0, q.columns % heads == 0, q.rows % tokens == 0,
      [k, v, out].allSatisfy({ $0.rows == q.rows && $0.columns == q.columns })
    else {
      let operands = [q, k, v, out].map { "\($0.rows)×\($0.columns)" }.joined(separator: ", ")
      throw BackendError.shape("linear attention of \(heads) heads and \(tokens) tokens: \(operands)")
    }
    for operand in [q, k, v] { try refuseGradients(of: operand, "linear attention") }
    var arguments = dk_linear_attention_arguments(
      batch: q.rows / tokens, heads: heads, head_dim: q.columns / heads, tokens: tokens, eps: eps, q: q.view, k: k.view,
      v: v.view, out: out.view)
    try withExtendedLifetime((q, k, v, out)) {
      try DiTTensors.check(dk_linear_attention(engine, &arguments), "linear attention")
    }
  }

  /// Whether queries, keys and values fit each other, and every picture has keys to read.
  static func checkAttention(_ shape: AttentionShape, _ q: Matrix, _ k: Matrix, _ v: Matrix, _ chosen: AttentionKeys) throws {
    func fits(_ condition: Bool, _ what: @autoclosure () -> String) throws {
      guard condition else { throw BackendError.shape("attention, \(what())") }
    }
    let width = shape.heads * shape.headSize
    try fits(
      shape.batch > 0 && shape.heads > 0 && shape.headSize > 0 && shape.queries > 0 && shape.keys > 0, "\(shape)")
    try fits(
      q.rows == shape.batch * shape.queries && q.columns == width, "queries \(q.rows)×\(q.columns) for \(shape)")
    try fits(
      k.rows == v.rows && k.columns == width && v.columns == width && k.rows % shape.keys == 0,
      "keys \(k.rows)×\(k.columns) and values \(v.rows)×\(v.columns) for \(shape)")
    try fits(q.type == k.type && q.type == v.type, "operands of different types")
    let items = k.rows / shape.keys
    if let item = chosen.item {
      try fits(
        item.count == shape.batch && item.allSatisfy { $0 >= 0 && $0 < items }, "\(item) of \(items) items")
    } else {
      try fits(items == shape.batch, "\(items) items for \(shape.batch) pictures")
    }
    if let count = chosen.count {
      try fits(
        count.count == items && count.allSatisfy { $0 >= 1 && $0 <= shape.keys }, "\(count) of \(shape.keys) keys")
    }
    if let mask = chosen.mask {
      try fits(mask.count == items * shape.keys, "a mask of \(mask.count) for \(items) × \(shape.keys) keys")
      // An item without keys has no softmax.
      let isOpen = (0..<items).allSatisfy { item in
        let kept = chosen.count.map { Int($0[item]) } ?? shape.keys
        return mask[item * shape.keys..<item * shape.keys + kept].contains { $0 != 0 }
      }
      try fits(isOpen, "an item with all keys masked")
    }
  }
}

private func withOptionalPointer<Element, Result>(
  _ array: [Element]?, _ body: (UnsafePointer<Element>?) throws -> Result
) rethrows -> Result {
  guard let array else { return try body(nil) }
  return try array.withUnsafeBufferPointer { try body($0.baseAddress) }
}
