import DiTCKernels

/// How gradients find their way back through each operation: what a ``Tape`` writes down. Each function is called before its operation
/// runs, which may write over what it reads, and gives nil where nothing that is read is followed.
extension Backend {
  /// From the gradient of what an operation wrote, to those of what it read.
  typealias Back = (Matrix) throws -> Void

  func isFollowed(_ tensor: Tensor) -> Bool { tape?.follows(tensor.matrix) ?? false }

  /// Whether a layer is computed in parts, with what is learnt beside its weights.
  func isLearning(_ linear: Linear, _ x: Matrix) -> Bool { linear.adapter != nil || tape?.follows(x) ?? false }

  /// Runs a part of a network that advances `x` in place. A tape may keep nothing of it but `x`, and run it again on the way back.
  package func recomputing(_ x: Tensor, _ body: @escaping () throws -> Void) throws {
    guard let tape else { return try body() }
    try tape.recomputing(x, body)
  }

  /// For operations that nothing here has needed gradients of.
  func refuseGradients(of x: Matrix, _ operation: String) throws {
    if tape?.follows(x) ?? false { throw BackendError.shape("\(operation) has no gradients here") }
  }

  /// Writes down that the numbers of `x` were put into `out` in another order.
  /// - Parameter back: adds numbers of its first tensor, like `out`, to their places in the second, like `x`.
  package func reordered(_ x: Tensor, into out: Tensor, back: @escaping (Tensor, Tensor) -> Void) {
    guard let tape else { return }
    tape.wrote(out.matrix, from: [x.matrix], !tape.follows(x.matrix) ? nil : { [unowned tape] gradient in
      back(gradient.tensor, try tape.gradient(of: x))
    })
  }

  // MARK: linear

  /// out = x Wᵀ + b, with what its adapter adds.
  func applyInParts(_ linear: Linear, to x: Matrix, into out: Matrix) throws {
    try run(linear, x, .init(), out)
    var low: Tensor?  // [rows, rank]
    if let adapter = linear.adapter {
      let rows = try Tensor(unfilled: [x.rows, adapter.rank], type: .f32)
      try project(x, by: adapter.down, into: rows)
      try expand(rows, by: adapter.up, scale: adapter.scale, into: out)
      low = rows
    }
    guard let tape, tape.isRecording else { return }
    let isFollowed = tape.follows(x)
    let kept = try low.map { (rows: $0, x: try x.copied()) }
    tape.wrote(out, from: [x]) { [unowned self, unowned tape] gradient in
      if isFollowed {
        try run(linear.turned { try self.linear($0) }, gradient, .sum, tape.gradient(of: x))
      }
      guard let adapter = linear.adapter, let kept else { return }
      let low = try Tensor(unfilled: kept.rows.shape, type: .f32)
      try project(gradient, by: adapter.up, into: low)
      try thinGradient(kept.rows, of: gradient, scale: adapter.scale, into: adapter.upGradient)
      try thinGradient(low, of: kept.x, scale: adapter.scale, into: adapter.downGradient)
      if isFollowed { try expand(low, by: adapter.down, scale: adapter.scale, into: tape.gradient(of: x)) }
    }
  }

  /// out += gate · branch; the gate is 1 where there is none.
  package func accumulate(_ branch: some MatrixOperand, gate: Modulation? = nil, into out: some MatrixOperand) throws {
    let (branch, out) = (branch.matrix, out.matrix)
    guard let gate else { return try add(branch, out, into: out) }
    try gateGradient(dy: branch, gate: gate, branch: branch, into: out)  // the same product
    guard let tape, tape.isRecording else { return }
    let (table, followed) = (try gate.table.copy(), tape.follows(gate.table.matrix))
    tape.added(to: out) { [unowned self, unowned tape] gradient in
      let kept = Modulation(table, column: gate.column, rowsPerGroup: gate.rowsPerGroup)
      try gateGradient(
        dy: gradient, gate: kept, branch: branch, into: tape.gradient(of: branch),
        dGate: followed ? gate.over(tape.gradient(of: gate.table)) : nil)
    }
  }

  // MARK: elementwise

  func activationBack(_ activation: Activation, _ x: Matrix) throws -> Back? {
    guard let tape, tape.follows(x) else { return nil }
    let kept = activation == .none ? x : try x.copied()
    return { [unowned self, unowned tape] gradient in
      try activationGradient(activation, of: kept, dy: gradient, into: tape.gradient(of: x))
    }
  }

  func activationBack(_ activation: Activation, _ a: Matrix, times b: Matrix) throws -> Back? {
    guard let tape else { return nil }
    let (followsA, followsB) = (tape.follows(a), tape.follows(b))
    guard followsA || followsB else { return nil }
    let (keptA, keptB) = try (a.copied(), b.copied())
    return { [unowned self, unowned tape] gradient in
      if followsB {
        let activated = try Tensor([a.rows, a.columns])
        try activate(activation, keptA, into: activated)
        try multiplyAdd(gradient, activated, into: tape.gradient(of: b))
      }
      if followsA {
        let product = try Tensor([a.rows, a.columns])
        try multiplyAdd(gradient, keptB, into: product)
        try activationGradient(activation, of: keptA, dy: product, into: tape.gradient(of: a))
      }
    }
  }

  func sumBack(_ x: Matrix, _ y: Matrix) -> Back? {
    guard let tape else { return nil }
    let parts = [x, y].filter(tape.follows)
    guard !parts.isEmpty else { return nil }
    return { [unowned self, unowned tape] gradient in
      for part in parts {
        let back = try tape.gradient(of: part)
        try add(back, gradient, into: back)
      }
    }
  }

  // MARK: norms

  func layerNormBack(
    _ x: Matrix, eps: Float, weight: Tensor?, shift: Modulation?, scale: Modulation?
  ) throws -> Back? {
    guard let tape else { return nil }
    let (followsX, followsTable) = (tape.follows(x), scale.map { tape.follows($0.table.matrix) } ?? false)
    guard followsX || followsTable else { return nil }
    let kept = try x.copied()
    let keptScale = try scale.map { $0.over(try $0.table.copy()) }
    return { [unowned self, unowned tape] gradient in
      let back = try followsX ? tape.gradient(of: x) : Tensor([x.rows, x.columns]).matrix
      let tables = try followsTable ? scale.map { try tape.gradient(of: $0.table) } : nil
      try layerNormGradient(
        of: kept, eps: eps, weight: weight, scale: keptScale, dShift: tables.flatMap { shift?.over($0) },
        dScale: tables.flatMap { scale?.over($0) }, dy: gradient, into: back)
    }
  }

  func rmsNormBack(_ x: Matrix, weight: Tensor, eps: Float) throws -> Back? {
    guard let tape, tape.follows(x) else { return nil }
    let kept = try x.copied()
    return { [unowned self, unowned tape] gradient in
      try rmsNormGradient(of: kept, weight: weight, eps: eps, dy: gradient, into: tape.gradient(of: x))
    }
  }

  // MARK: attention

  func attentionBack(
    _ shape: AttentionShape, _ q: Matrix, _ k: Matrix, _ v: Matrix, _ chosen: AttentionKeys, _ bias: Tensor?
  ) throws -> Back? {
    guard let tape, [q, k, v].contains(where: tape.follows) else { return nil }
    guard shape.cap == 0 else { throw BackendError.shape("capped attention has no gradients here") }
    let (keptQ, keptK, keptV) = try (q.copied(), k.copied(), v.copied())
    let follows = [q, k, v].map(tape.follows)
    return { [unowned self, unowned tape] gradient in
      let into = try zip([q, k, v], follows).map { operand, isFollowed in
        try isFollowed ? tape.gradient(of: operand) : Tensor([operand.rows, operand.columns]).matrix
      }
      try attentionGradient(
        shape, q: keptQ, k: keptK, v: keptV, reading: chosen, bias: bias, dOut: gradient, into: into[0], into[1], into[2])
    }
  }
}

extension dk_epilogue {
  /// out += x Wᵀ
  fileprivate static var sum: dk_epilogue {
    var result = dk_epilogue()
    result.residual = 1
    return result
  }
}

extension Modulation {
  /// The same place of another table.
  fileprivate func over(_ table: Tensor) -> Modulation { Modulation(table, column: column, rowsPerGroup: rowsPerGroup) }
}
