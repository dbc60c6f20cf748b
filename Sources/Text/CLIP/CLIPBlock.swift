import DiTCheckpoints
import DiTTensors

/// What the blocks of a CLIP encoder, of text or of pictures, are made of.
package struct CLIPShape: Sendable, Equatable {
  package var hiddenSize, heads, feedForwardSize: Int
  package var activation: CLIPActivation
  package var eps: Float = 1e-5
}

/// The function between the layers of CLIP's MLPs, as `hidden_act` names it.
package enum CLIPActivation: String, Sendable, Decodable {
  /// OpenAI's models.
  case quick = "quick_gelu"
  /// OpenCLIP's larger ones.
  case exact = "gelu"

  var function: Activation { self == .quick ? .geluQuick : .geluErf }
}

/// A norm with weight and bias.
struct CLIPNorm {
  let weight, bias: Tensor  // [d]

  init(_ name: String, _ size: Int, _ parameters: Parameters) throws {
    weight = try parameters.tensor(name + ".weight", [size], start: .gain)
    bias = try parameters.tensor(name + ".bias", [size], start: .bias)
  }

  func callAsFunction(_ x: Tensor, eps: Float, _ backend: Backend, into out: Tensor) throws {
    try backend.layerNorm(x, eps: eps, weight: weight, bias: bias, into: out)
  }
}

/// One block of CLIP (Radford et al. 2021, arXiv 2103.00020): x += attention(LN(x)), x += MLP(LN(x)).
struct CLIPBlock {
  private let shape: CLIPShape
  private let attentionNorm, feedForwardNorm: CLIPNorm
  private let qkv, output: Linear  // [3·d, d], [d, d]
  private let up, down: Linear  // [wide, d], [d, wide]

  /// - Parameter parameters: the block's, under OpenAI's names.
  init(_ shape: CLIPShape, _ parameters: Parameters, on rows: Rows) throws {
    self.shape = shape
    let (d, wide) = (shape.hiddenSize, shape.feedForwardSize)
    let attention = parameters.stage("self-attention", .picture)
    attentionNorm = try CLIPNorm("ln_1", d, attention)
    qkv = try attention.linear("attn.in_proj", 3 * d, d, on: rows)
    attention.attention(d, queries: rows, keys: rows)
    output = try attention.linear("attn.out_proj", d, d, on: rows)
    let feedForward = parameters.stage("feed-forward", .picture)
    feedForwardNorm = try CLIPNorm("ln_2", d, feedForward)
    up = try feedForward.linear("mlp.c_fc", wide, d, on: rows)
    down = try feedForward.linear("mlp.c_proj", d, wide, on: rows)
  }

  /// Advances the states of one sequence.
  func run(on work: CLIPWork, _ backend: Backend) throws {
    let (d, count) = (shape.hiddenSize, work.x.shape[0])
    try attentionNorm(work.x, eps: shape.eps, backend, into: work.normed)
    try backend.apply(qkv, to: work.normed, into: work.qkv)  // [L, 3·d]
    try backend.attention(
      AttentionShape(batch: 1, heads: shape.heads, headSize: d / shape.heads, queries: count, keys: count),
      q: Matrix(work.qkv, from: 0, count: d), k: Matrix(work.qkv, from: d, count: d),
      v: Matrix(work.qkv, from: 2 * d, count: d), reading: AttentionKeys(mask: work.mask), bias: work.bias,
      into: work.normed)
    try backend.accumulate(output, of: work.normed, into: work.x)  // [L, d]
    try feedForwardNorm(work.x, eps: shape.eps, backend, into: work.normed)
    try backend.apply(up, to: work.normed, activation: shape.activation.function, into: work.hidden)  // [L, wide]
    try backend.accumulate(down, of: work.hidden, into: work.x)
  }
}

/// One sequence on its way through the blocks.
struct CLIPWork {
  let x: Tensor  // [L, d]
  let mask: [UInt8]?
  /// [heads, L, L], or nil where every token sees all.
  let bias: Tensor?
  let normed, qkv, hidden: Tensor

  init(_ shape: CLIPShape, _ x: Tensor, mask: [UInt8]? = nil, bias: Tensor? = nil, _ backend: Backend) throws {
    self.x = x
    self.mask = mask
    self.bias = bias
    let make = { (columns: Int) in try Tensor([x.shape[0], columns], type: backend.activationType) }
    normed = try make(shape.hiddenSize)
    qkv = try make(3 * shape.hiddenSize)
    hidden = try make(shape.feedForwardSize)
  }
}

/// Names of CLIP's parameters. The networks are declared with OpenAI's, but for a dot in `attn.in_proj.weight`.
enum CLIPNames {
  static let openAI = ParameterNames { [$0.replacing("attn.in_proj.", with: "attn.in_proj_")] }

  /// Hugging Face's.
  /// - Parameters:
  ///   - prefix: "text_model.", "vision_model.", or nothing, as transformers 5 saves a text model.
  ///   - outside: names of tensors that have no prefix.
  static func huggingFace(_ prefix: String, _ names: [String: String], outside: Set<String>) -> ParameterNames {
    ParameterNames { name in
      if outside.contains(name) { return [name] }
      if let other = names[name] { return [prefix + other] }
      guard let match = name.wholeMatch(of: /(?:visual\.)?transformer\.resblocks\.(\d+)\.(.+)\.(weight|bias)/) else {
        return [prefix + name]
      }
      let parts =
        switch match.2 {
        case "ln_1": ["layer_norm1"]
        case "ln_2": ["layer_norm2"]
        case "attn.in_proj": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
        case "attn.out_proj": ["self_attn.out_proj"]
        case "mlp.c_fc": ["mlp.fc1"]
        default: ["mlp.fc2"]
        }
      return parts.map { "\(prefix)encoder.layers.\(match.1).\($0).\(match.3)" }
    }
  }
}

/// A projection without bias, [E, D] as Hugging Face stores it, or [D, E] as OpenAI does; nil where there is none.
func clipProjection(
  _ stored: String, transposed: String, _ outputs: Int, _ inputs: Int, _ parameters: Parameters
) throws -> Linear? {
  let parameters = parameters.stage("projection", .picture)
  if parameters.contains(stored + ".weight") { return try parameters.linear(stored, outputs, inputs, on: .one, bias: false) }
  guard parameters.contains(transposed) else { return nil }
  return try parameters.backend.linear([parameters.tensor(transposed, [inputs, outputs]).turned()])
}
