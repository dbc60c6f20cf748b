import Foundation

/// What a backend computed, so that gradients of a loss find the way back: reverse-mode differentiation.
///
/// A backend that was made with a tape (``Backend/init(_:precision:threads:cpu:tape:)``) writes each operation there whose result
/// depends on something followed: a tensor named by ``follow(_:)``, or an ``Adapter``. A network is so written once, forwards.
///
/// Gradients lie as their numbers do: those of a storage are a second storage of float32, and what an operation wrote over, it clears
/// on the way back. So networks may reuse buffers and add in place, as they do without a tape.
///
/// Not for use by several threads at a time; nor is a backend with a tape.
package final class Tape {
  /// Whether anything is written down now.
  private(set) var isRecording = false
  private let recomputes: Bool
  private var steps: [() throws -> Void] = []
  private var gradients: [ObjectIdentifier: Gradient] = [:]

  /// Of a storage, which is kept, or another one would get its address.
  private struct Gradient {
    let storage: Storage
    /// Nil: nothing has come back yet.
    var numbers: Tensor?
  }

  /// - Parameter recomputes: keeps less of what ``recomputing(_:_:)`` is told, in exchange for time.
  package init(recomputes: Bool = false) { self.recomputes = recomputes }

  // MARK: forwards

  /// Writes down what is computed in `body`.
  package func record<Result>(_ body: () throws -> Result) rethrows -> Result {
    isRecording = true
    defer { isRecording = false }
    return try body()
  }

  /// Runs a part of a network that advances `tensor` in place. A tape that recomputes keeps what the tensor held before it, and runs the
  /// part again on the way back: the same bytes in less memory (gradient checkpointing; Chen et al., arXiv 1604.06174).
  func recomputing(_ tensor: Tensor, _ body: @escaping () throws -> Void) throws {
    guard isRecording, recomputes else { return try body() }
    let (before, written, followed) = (try tensor.copy(), steps.count, gradients)
    try body()
    steps.removeLast(steps.count - written)
    gradients = followed
    follow(tensor)
    steps.append { [unowned self] in
      try before.copy(into: tensor)
      try record(body)
    }
  }

  /// Gradients of this tensor, and of what is computed from it, are wanted.
  package func follow(_ tensor: Tensor) {
    let key = ObjectIdentifier(tensor.storage)
    if gradients[key] == nil { gradients[key] = Gradient(storage: tensor.storage) }
  }

  /// Whether an operation that reads this is to be written down.
  func follows(_ operand: Matrix) -> Bool { isRecording && gradients[ObjectIdentifier(operand.tensor.storage)] != nil }

  /// Writes down an operation that wrote all of `out`.
  /// - Parameters:
  ///   - inputs: what it read, of which `out` may be one.
  ///   - back: adds to the gradients of the inputs, given that of `out`; nil: `out` depends on nothing that is followed.
  func wrote(_ out: Matrix, from inputs: [Matrix], _ back: ((Matrix) throws -> Void)?) {
    guard isRecording else { return }
    guard let back else {
      // Of what was there before, and has been written over, nothing may come back from what reads this.
      if follows(out) { steps.append { [unowned self] in self.existing(out)?.clear() } }
      return
    }
    follow(out.tensor)
    let isInPlace = inputs.contains { $0.tensor.storage === out.tensor.storage }
    steps.append { [unowned self] in
      guard let gradient = existing(out) else { return }
      if isInPlace {
        let copy = try gradient.copied()
        gradient.clear()
        try back(copy)
      } else {
        try back(gradient)
        if out.columns == out.tensor.columns && out.tensor.count * out.tensor.type.size == out.tensor.storage.byteCount {
          gradients[ObjectIdentifier(out.tensor.storage)] = nil
        } else {
          gradient.clear()
        }
      }
    }
  }

  /// Writes down an operation that added to `out`, whose gradient is thus that of the sum as well.
  func added(to out: Matrix, _ back: @escaping (Matrix) throws -> Void) {
    guard isRecording else { return }
    follow(out.tensor)
    steps.append { [unowned self] in
      if let gradient = existing(out) { try back(gradient) }
    }
  }

  /// Is shown the gradient of a tensor as it is at this place of the way back: what the loss changes by for the numbers that the tensor
  /// has now. Nothing is shown where none came back.
  package func look(at tensor: Tensor, _ body: @escaping (Tensor) throws -> Void) {
    guard follows(tensor.matrix) else { return }
    steps.append { [unowned self] in
      if let gradient = existing(tensor.matrix) { try body(gradient.tensor) }
    }
  }

  // MARK: backwards

  /// The gradient of a tensor, float32 of its shape: zeros before anything was added. What is written there before ``backward()`` is
  /// where the way back begins.
  package func gradient(of tensor: Tensor) throws -> Tensor {
    let key = ObjectIdentifier(tensor.storage)
    if let numbers = gradients[key]?.numbers { return numbers.view(tensor.shape, offset: tensor.offset) }
    let numbers = try Tensor([tensor.storage.byteCount / tensor.type.size])
    gradients[key] = Gradient(storage: tensor.storage, numbers: numbers)
    return numbers.view(tensor.shape, offset: tensor.offset)
  }

  func gradient(of operand: Matrix) throws -> Matrix { Matrix(try gradient(of: operand.tensor), like: operand) }

  private func existing(_ operand: Matrix) -> Matrix? {
    gradients[ObjectIdentifier(operand.tensor.storage)]?.numbers.map {
      Matrix($0.view(operand.tensor.shape, offset: operand.tensor.offset), like: operand)
    }
  }

  /// Walks back over all that was written down, and forgets it. Gradients stay until ``clear()``.
  package func backward() throws {
    while let step = steps.popLast() { try step() }
  }

  /// Forgets everything: for the next step.
  package func clear() {
    steps = []
    gradients = [:]
  }
}

extension Matrix {
  /// The same columns of another tensor of the same shape.
  fileprivate init(_ tensor: Tensor, like other: Matrix) {
    self.init(tensor: tensor, rows: other.rows, columns: other.columns, start: other.start)
  }

  /// A copy that shares nothing, [rows, columns].
  func copied() throws -> Matrix {
    let result = try Tensor(unfilled: [rows, columns], type: tensor.type)
    let size = tensor.type.size
    withExtendedLifetime(tensor.storage) {
      for row in 0..<rows {
        memcpy(result.pointer + row * columns * size, tensor.pointer + (row * tensor.columns + start) * size, columns * size)
      }
    }
    return Matrix(result)
  }

  fileprivate func clear() {
    let size = tensor.type.size
    withExtendedLifetime(tensor.storage) {
      for row in 0..<rows { memset(tensor.pointer + (row * tensor.columns + start) * size, 0, columns * size) }
    }
  }
}
