import DiTTensors

/// x + attention of every pixel to every other, in one head as wide as the pixels are.
struct PixelAttention {
  private let norm: GroupNormalisation
  /// Queries, keys and values in one product: [3C, C].
  private let qkv: Linear
  private let out: Linear
  private let type: ElementType

  init(_ reader: LayerReader, _ name: String, channels: Int, groups: Int) throws {
    type = reader.type
    norm = try reader.norm(name + ".group_norm", channels, groups: groups, eps: 1e-6)
    qkv = try reader.pointwise(["to_q", "to_k", "to_v"].map { "\(name).\($0)" }, channels, channels)
    out = try reader.pointwise([name + ".to_out.0"], channels, channels)
  }

  /// [1, h, w, C] float32 -> the same.
  func callAsFunction(_ x: Tensor, on backend: Backend) throws -> Tensor {
    let (pixels, channels) = (x.shape[1] * x.shape[2], x.shape[3])
    let parts = try backend.pointwise(qkv, backend.normalised(norm, x, type: type), type: type)  // [1, h, w, 3C]
    let mixed = try Tensor(x.shape, type: type)
    try backend.attention(
      AttentionShape(batch: 1, heads: 1, headSize: channels, queries: pixels, keys: pixels),
      q: Matrix(parts, from: 0, count: channels), k: Matrix(parts, from: channels, count: channels),
      v: Matrix(parts, from: 2 * channels, count: channels), into: mixed)
    let result = try x.copy()
    try backend.accumulate(out, of: mixed, into: result)
    return result
  }
}
