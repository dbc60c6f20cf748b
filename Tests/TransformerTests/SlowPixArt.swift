import Foundation

/// PixArt-Σ in plain loops over doubles, written from the papers and the original's semantics: the oracle for what no
/// fixture covers, norms on queries and keys and compressed keys.
struct SlowPixArt {
  typealias Matrix = [[Double]]

  let weights: RandomWeights
  let width, heads, depth, patch, channels: Int
  /// Blocks whose keys are compressed.
  let compressed: Set<Int>
  let hasNorms: Bool

  /// - Parameters:
  ///   - x: [C][H][W] latents of one picture.
  ///   - text: its states, one row a token.
  func callAsFunction(_ x: [[[Double]]], text: Matrix, timestep: Double, extent: Double) -> [[[Double]]] {
    let (rows, columns) = (x[0].count / patch, x[0][0].count / patch)
    // Timestep: 256 features, cosines first.
    let features = (0..<128).map { exp(-log(10000) * Double($0) / 128) }
    let angles = features.map { timestep * $0 }
    let time = linear(
      "t_embedder.mlp.2", [linear("t_embedder.mlp.0", [angles.map(cos) + angles.map(sin)])[0].map(silu)])[0]
    let shared = linear("t_block.1", [time.map(silu)])[0]
    let caption = linear("y_embedder.y_proj.fc2", linear("y_embedder.y_proj.fc1", text).map { $0.map(geluTanh) })

    var tokens: Matrix = []
    for row in 0..<rows {
      for column in 0..<columns {
        var input: [Double] = []
        for c in 0..<channels {
          for dy in 0..<patch { for dx in 0..<patch { input.append(x[c][row * patch + dy][column * patch + dx]) } }
        }
        let position = encode(Double(column) * extent / Double(columns)) + encode(Double(row) * extent / Double(rows))
        tokens.append(zip(linear("x_embedder.proj", [input])[0], position).map(+))
      }
    }
    for index in 0..<depth {
      let name = "blocks.\(index)."
      let chunks = zip(shared, weights[name + "scale_shift_table"]).map(+)
      let chunk = { (i: Int) in Array(chunks[i * width..<(i + 1) * width]) }
      let attended = selfAttention(name, modulate(tokens, chunk(0), chunk(1)), rows, columns, compressed.contains(index))
      tokens = add(tokens, attended, gate: chunk(2))
      let (q, kv) = (linear(name + "cross_attn.q_linear", tokens), linear(name + "cross_attn.kv_linear", caption))
      let mixed = attention(q, kv.map { Array($0[..<width]) }, kv.map { Array($0[width...]) })
      tokens = add(tokens, linear(name + "cross_attn.proj", mixed), gate: nil)
      let hidden = linear(name + "mlp.fc1", modulate(tokens, chunk(3), chunk(4))).map { $0.map(geluTanh) }
      tokens = add(tokens, linear(name + "mlp.fc2", hidden), gate: chunk(5))
    }
    // The raw time embedding, for shift and for scale.
    let table = weights["final_layer.scale_shift_table"]
    let shift = zip(table[..<width], time).map(+)
    let scale = zip(table[width...], time).map(+)
    let out = linear("final_layer.linear", modulate(tokens, shift, scale))
    let outChannels = out[0].count / (patch * patch)
    return (0..<outChannels).map { c in
      (0..<rows * patch).map { y in
        (0..<columns * patch).map { x in
          out[y / patch * columns + x / patch][(y % patch * patch + x % patch) * outChannels + c]
        }
      }
    }
  }

  private func selfAttention(_ name: String, _ x: Matrix, _ rows: Int, _ columns: Int, _ compresses: Bool) -> Matrix {
    let qkv = linear(name + "attn.qkv", x)
    var q = qkv.map { Array($0[..<width]) }
    var k = qkv.map { Array($0[width..<2 * width]) }
    var v = qkv.map { Array($0[(2 * width)...]) }
    if hasNorms {
      q = affine(name + "attn.q_norm", q)
      k = affine(name + "attn.k_norm", k)
    }
    if compresses {
      k = compress(name, k, rows, columns)
      v = compress(name, v, rows, columns)
    }
    return linear(name + "attn.proj", attention(q, k, v))
  }

  /// Depthwise convolution 2×2 with stride 2, then a layer norm.
  private func compress(_ name: String, _ x: Matrix, _ rows: Int, _ columns: Int) -> Matrix {
    let (weight, bias) = (weights[name + "attn.sr.weight"], weights[name + "attn.sr.bias"])
    var result: Matrix = []
    for row in 0..<rows / 2 {
      for column in 0..<columns / 2 {
        result.append((0..<width).map { c in
          var sum = bias[c]
          for dy in 0..<2 {
            for dx in 0..<2 { sum += weight[c * 4 + dy * 2 + dx] * x[(2 * row + dy) * columns + 2 * column + dx][c] }
          }
          return sum
        })
      }
    }
    return affine(name + "attn.norm", result)
  }

  private func attention(_ q: Matrix, _ k: Matrix, _ v: Matrix) -> Matrix {
    let size = width / heads
    return q.map { query in
      (0..<heads).flatMap { head -> [Double] in
        let part = head * size..<(head + 1) * size
        let scores = k.map { key in part.reduce(0) { $0 + query[$1] * key[$1] } / Double(size).squareRoot() }
        let largest = scores.max() ?? 0
        let powers = scores.map { exp($0 - largest) }
        let sum = powers.reduce(0, +)
        return part.map { i in zip(powers, v).reduce(0) { $0 + $1.0 / sum * $1.1[i] } }
      }
    }
  }

  private func linear(_ name: String, _ x: Matrix) -> Matrix {
    let (weight, bias) = (weights[name + ".weight"], weights[name + ".bias"])
    return x.map { row in
      bias.indices.map { o in row.indices.reduce(bias[o]) { $0 + weight[o * row.count + $1] * row[$1] } }
    }
  }

  private func normalised(_ row: [Double], _ eps: Double) -> [Double] {
    let mean = row.reduce(0, +) / Double(row.count)
    let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
    return row.map { ($0 - mean) / (variance + eps).squareRoot() }
  }

  private func affine(_ name: String, _ x: Matrix) -> Matrix {
    let (weight, bias) = (weights[name + ".weight"], weights[name + ".bias"])
    return x.map { row in normalised(row, 1e-5).enumerated().map { $1 * weight[$0] + bias[$0] } }
  }

  private func modulate(_ x: Matrix, _ shift: [Double], _ scale: [Double]) -> Matrix {
    x.map { row in normalised(row, 1e-6).enumerated().map { $1 * (1 + scale[$0]) + shift[$0] } }
  }

  private func add(_ x: Matrix, _ y: Matrix, gate: [Double]?) -> Matrix {
    zip(x, y).map { row, other in row.indices.map { row[$0] + (gate?[$0] ?? 1) * other[$0] } }
  }

  private func encode(_ coordinate: Double) -> [Double] {
    let quarter = width / 4
    let angles = (0..<quarter).map { coordinate * pow(10000, -Double($0) / Double(quarter)) }
    return angles.map(sin) + angles.map(cos)
  }

  private func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
  private func geluTanh(_ x: Double) -> Double { 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) }
}
