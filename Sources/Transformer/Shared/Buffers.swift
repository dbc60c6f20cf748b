import DiTTensors

/// Room for the intermediate tensors of a run, made once.
struct Buffers {
  /// Tokens of one picture.
  let tokens: Int
  /// The patches among them.
  let grid: Grid
  let normed, attended, query: Tensor  // [B·T, D]
  let qkv: Tensor  // [B·T, 3·D]
  let hidden: Tensor  // [B·T, mlp]
  let mixed: Tensor  // [B·T, mlp/2] where the MLP has gates

  /// - Parameter extra: non-patch tokens of one picture.
  init(batch: Int, grid: Grid, extra: Int = 0, _ shape: BlockShape, type: ElementType) throws {
    self.grid = grid
    tokens = grid.count + extra
    let rows = batch * tokens
    let make = { (columns: Int) in try Tensor([rows, columns], type: type) }
    normed = try make(shape.hiddenSize)
    attended = try make(shape.hiddenSize)
    // Self-attention is done with its buffer before cross-attention and the MLP need theirs: they share.
    let shared = try Tensor([rows * max(3 * shape.hiddenSize, shape.mlpSize)], type: type)
    let view = { (columns: Int) in shared.slice(0, count: rows * columns).reshaped([rows, columns]) }
    qkv = view(3 * shape.hiddenSize)
    hidden = view(shape.mlpSize)
    query = view(shape.hiddenSize)
    mixed = try make(shape.mixesNeighbours ? shape.mlpSize / 2 : 0)
  }
}
