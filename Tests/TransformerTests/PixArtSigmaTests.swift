import DiTCheckpoints
import DiTTensors
import Testing
import DiTTransformer

/// What only Σ has, against ``SlowPixArt``: norms on queries and keys, and compressed keys in some blocks.
@Suite struct PixArtSigmaTests {
  static let width = 24, heads = 2, depth = 3, patch = 2, channels = 3, caption = 10

  private static func weights(hasNorms: Bool, compressed: Set<Int>) throws -> RandomWeights {
    var weights = RandomWeights(seed: 7)
    try weights.tensor("x_embedder.proj.weight", [width, channels, patch, patch], 0.3)
    try weights.tensor("x_embedder.proj.bias", [width], 0.3)
    try weights.linear("t_embedder.mlp.0", width, 256)
    try weights.linear("t_embedder.mlp.2", width, width)
    try weights.linear("t_block.1", 6 * width, width)
    try weights.linear("y_embedder.y_proj.fc1", width, caption)
    try weights.linear("y_embedder.y_proj.fc2", width, width)
    for index in 0..<depth {
      let name = "blocks.\(index)."
      try weights.tensor(name + "scale_shift_table", [6, width], 0.5)
      try weights.linear(name + "attn.qkv", 3 * width, width)
      try weights.linear(name + "attn.proj", width, width)
      try weights.linear(name + "cross_attn.q_linear", width, width)
      try weights.linear(name + "cross_attn.kv_linear", 2 * width, width)
      try weights.linear(name + "cross_attn.proj", width, width)
      try weights.linear(name + "mlp.fc1", 4 * width, width)
      try weights.linear(name + "mlp.fc2", width, 4 * width)
      if hasNorms {
        try weights.norm(name + "attn.q_norm", width)
        try weights.norm(name + "attn.k_norm", width)
      }
      if compressed.contains(index) {
        try weights.tensor(name + "attn.sr.weight", [width, 1, 2, 2], 0.5)
        try weights.tensor(name + "attn.sr.bias", [width], 0.3)
        try weights.norm(name + "attn.norm", width)
      }
    }
    try weights.tensor("final_layer.scale_shift_table", [2, width], 0.5)
    try weights.linear("final_layer.linear", patch * patch * 2 * channels, width)
    return weights
  }

  /// Grids with an odd last row and column too, which the compression does not read.
  @Test(arguments: [
    (true, [], Grid(height: 3, width: 4)), (false, [1, 2], Grid(height: 4, width: 6)),
    (true, [0, 2], Grid(height: 5, width: 7)),
  ] as [(Bool, [Int], Grid)])
  func equalsSlowReference(hasNorms: Bool, compressing: [Int], grid: Grid) throws {
    let compressed = Set(compressing)
    let weights = try PixArtSigmaTests.weights(hasNorms: hasNorms, compressed: compressed)
    let configuration = PixArtConfiguration(
      hiddenSize: Self.width, depth: Self.depth, heads: Self.heads, patchSize: Self.patch, inChannels: Self.channels,
      learnsVariance: true, sampleSize: 12, captionSize: Self.caption, readsExtent: false, interpolationScale: 0.5)
    var random = RandomNumbers(seed: 3)
    let shape = [2, Self.channels, grid.height * Self.patch, grid.width * Self.patch]
    let latents = try random.tensor(shape, 1)
    let texts = try [random.tensor([5, Self.caption], 1), random.tensor([2, Self.caption], 1)]
    let timesteps: [Float] = [412, 23.5]
    let slow = SlowPixArt(
      weights: weights, width: Self.width, heads: Self.heads, depth: Self.depth, patch: Self.patch,
      channels: Self.channels, compressed: compressed, hasNorms: hasNorms)
    let expected = (0..<2).flatMap { picture -> [Float] in
      let values = latents.slice(picture, count: 1).array.map(Double.init)
      let planes = (0..<shape[1]).map { c in
        (0..<shape[2]).map { y in (0..<shape[3]).map { values[(c * shape[2] + y) * shape[3] + $0] } }
      }
      let rows = texts[picture].array.map(Double.init)
      let text = (0..<texts[picture].shape[0]).map { Array(rows[$0 * Self.caption..<($0 + 1) * Self.caption]) }
      return slow(planes, text: text, timestep: Double(timesteps[picture]), extent: 12).flatMap { $0 }.flatMap { $0 }
        .map(Float.init)
    }
    for (kind, precision, limit) in [
      (Backend.Kind.reference, Precision.f32, 1e-10), (.native, .f32, 1e-9), (.native, .bf16, 1e-3),
    ] {
      let backend = try Backend(kind, precision: precision, threads: 2)
      let model = try PixArt(configuration, Parameters(weights.checkpoint(), names: .official, backend: backend))
      let run = try model.prepare(texts.map { Condition(text: $0) }, grid: grid, timesteps: [timesteps])
      let actual = try run.predict(latents, evaluation: 0, observe: nil)
      #expect(actual.shape == [2, 2 * Self.channels, shape[2], shape[3]])
      let nmse = Comparison(expected: expected, actual: actual.array).nmse
      #expect(nmse < limit, "\(kind) \(precision)")
    }
  }

  /// The same weights without one of Σ's parts must give something else: the parts do count here.
  @Test func everyPartCounts() throws {
    let grid = Grid(height: 4, width: 4)
    var outputs: [[Float]] = []
    for (hasNorms, compressed) in [(true, true), (false, true), (true, false)] {
      let configuration = PixArtConfiguration(
        hiddenSize: Self.width, depth: 1, heads: Self.heads, patchSize: Self.patch, inChannels: Self.channels,
        learnsVariance: true, sampleSize: 8, captionSize: Self.caption, readsExtent: false, interpolationScale: 1)
      var weights = try PixArtSigmaTests.weights(hasNorms: true, compressed: [0])
      weights.remove { name in
        (!hasNorms && (name.contains("q_norm") || name.contains("k_norm"))) || (!compressed && name.contains("attn.sr"))
      }
      let model = try PixArt(
        configuration, Parameters(weights.checkpoint(), names: .official, backend: Backend(.reference, threads: 1)))
      var random = RandomNumbers(seed: 1)
      let run = try model.prepare(
        [Condition(text: random.tensor([3, Self.caption], 1))], grid: grid, timesteps: [[300]])
      try outputs.append(run.predict(random.tensor([1, Self.channels, 8, 8], 1), evaluation: 0, observe: nil).array)
    }
    #expect(Comparison(expected: outputs[0], actual: outputs[1]).nmse > 1e-3)
    #expect(Comparison(expected: outputs[0], actual: outputs[2]).nmse > 1e-3)
  }
}
