import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import DiTTransformer
import Foundation
import Testing

/// UniDiffuser on random weights: both of its names, and what its modes ask.
@Suite struct UniDiffuserTests {
  let folder: TemporaryFolder
  let backend: Backend

  init() throws {
    folder = try TemporaryFolder()
    backend = try Backend(.native, precision: .f32, threads: 1)
  }

  private func sizes(_ old: String = "", _ new: String = "") throws -> UniDiffuserConfiguration {
    let text = """
      {"num_attention_heads": 2, "attention_head_dim": 6, "num_layers": 2, "patch_size": 2, "in_channels": 4, "sample_size": 4,
      "num_text_tokens": 3, "text_dim": 5, "clip_img_dim": 7, "use_timestep_embedding": true,
      "use_data_type_embedding": true}
      """.replacing(old, with: new)
    return try JSONDecoder().decode(UniDiffuserConfiguration.self, from: Data(text.utf8))
  }

  private func model() throws -> UniDiffuser { try UniDiffuser(sizes(), Parameters(RandomParameters(seed: 3), backend: backend)) }

  private func loaded(_ url: URL) throws -> UniDiffuser {
    let weights = try openCheckpoint(at: url).network([["clip_img_embed.weight"], ["clip_img_in.weight"]])
    let sizes = try sizes()
    return try UniDiffuser(sizes, Parameters(weights, names: sizes.names(in: weights), backend: backend))
  }

  private func numbers(_ shape: [Int], _ seed: Float) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { sin(seed + Float($0) * 1.3) }, shape)
  }

  private func sample(_ seed: Float = 1, count: Int = 1, side: Int = 4) throws -> UniDiffuserSample {
    UniDiffuserSample(
      latents: try numbers([count, 4, side, side], seed), clipImage: try numbers([count, 1, 7], seed + 1),
      text: try numbers([count, 3, 5], seed + 2))
  }

  private func all(_ sample: UniDiffuserSample) -> [Float] {
    [DrawnForm.Part.latents, .embedding, .text].flatMap { sample[$0].array }
  }

  /// diffusers' names, written down anew: q, k and v apart, and another count of the norms.
  private func diffusersNames(_ name: String) -> [String] {
    let table = [
      "patch_embed.proj": "vae_img_in.proj", "clip_img_embed": "clip_img_in", "text_embed": "text_in",
      "time_img_embed.0": "timestep_img_embed.linear_1", "time_img_embed.2": "timestep_img_embed.linear_2",
      "time_text_embed.0": "timestep_text_embed.linear_1", "time_text_embed.2": "timestep_text_embed.linear_2",
      "token_embedding": "data_type_token_embedding", "norm": "transformer.norm_out", "decoder_pred": "vae_img_out",
      "mid_block.attn.proj": "transformer.transformer_mid_block.attn1.to_out.0",
      "in_blocks.0.attn.proj": "transformer.transformer_in_blocks.0.attn1.to_out.0",
      "out_blocks.0.attn.proj": "transformer.transformer_out_blocks.0.block.attn1.to_out.0",
      "out_blocks.0.skip_linear": "transformer.transformer_out_blocks.0.skip.skip_linear",
      "out_blocks.0.norm1": "transformer.transformer_out_blocks.0.skip.norm",
    ]
    if name == "pos_embed_token" { return ["data_type_pos_embed_token"] }
    let parts = name.split(separator: ".")
    let (module, kind) = (parts.dropLast().joined(separator: "."), String(parts[parts.count - 1]))
    if let other = table[module] { return ["\(other).\(kind)"] }
    for (block, other) in [("mid_block", "mid_block"), ("in_blocks.0", "in_blocks.0"), ("out_blocks.0", "out_blocks.0.block")] {
      let outer = "transformer.transformer_\(other)."
      switch module {
      case block + ".attn.qkv": return ["q", "k", "v"].map { "\(outer)attn1.to_\($0).\(kind)" }
      case block + ".norm2": return ["\(outer)norm1.\(kind)"]
      case block + ".norm3": return ["\(outer)norm3.\(kind)"]
      case block + ".mlp.fc1": return ["\(outer)ff.net.0.proj.\(kind)"]
      case block + ".mlp.fc2": return ["\(outer)ff.net.2.\(kind)"]
      default: continue
      }
    }
    return [name]
  }

  @Test func bothNamesReadTheSame() throws {
    let sizes = try sizes()
    let parameters = try NetworkListing { _ = try UniDiffuser(sizes, $0) }.parameters
    let random = RandomParameters(seed: 3)
    var original = SafetensorsWriter(folder.file("original.safetensors"))
    var diffusers = SafetensorsWriter(folder.file("diffusers.safetensors"))
    for parameter in parameters {
      let tensor = try random.tensor(parameter)
      try original.add(TensorName("module." + parameter.name), tensor)
      let names = diffusersNames(parameter.name)
      for (index, name) in names.enumerated() {
        let rows = tensor.shape[0] / names.count
        try diffusers.add(TensorName(name), tensor.slice(index * rows, count: rows))
      }
    }
    try original.write()
    try diffusers.write()
    let expected = try all(model().predict(sample(), times: [(300, 20)], dataTypes: [1]))
    for name in ["original.safetensors", "diffusers.safetensors"] {
      let model = try loaded(folder.file(name))
      #expect(try all(model.predict(sample(), times: [(300, 20)], dataTypes: [1])) == expected)
    }
    for parameter in parameters {
      var writer = SafetensorsWriter(folder.file("gone.safetensors"))
      for other in parameters where other.name != parameter.name { try writer.add(TensorName(other.name), random.tensor(other)) }
      try writer.write()
      #expect {
        _ = try loaded(folder.file("gone.safetensors"))
      } throws: { "\($0)".contains(diffusersNames(parameter.name)[0]) || "\($0)".contains(parameter.name) }
    }
  }

  @Test func pairsDoNotMix() throws {
    let (model, one, two) = (try model(), try sample(1), try sample(5))
    let both = try model.predict(.concatenated([one, two]), times: [(300, 0), (10, 1000)], dataTypes: [1, 0])
    let first = try model.predict(one, times: [(300, 0)], dataTypes: [1])
    let second = try model.predict(two, times: [(10, 1000)], dataTypes: [0])
    #expect(try all(both) == all(.concatenated([first, second])))
    #expect(try all(model.predict(two, times: [(10, 1000)], dataTypes: [1])) != all(second))
    // Another grid than the trained one.
    let wide = try model.predict(sample(2, side: 6), times: [(300, 0)], dataTypes: [1])
    #expect(wide.latents.shape == [1, 4, 6, 6] && wide.latents.array.allSatisfy(\.isFinite))
  }

  @Test func whatIsJoinedComesApart() throws {
    let (sizes, given) = (try sizes(), try sample(1, count: 2))
    for drawn in [[.image], [.text], [.image, .text]] as [[Modality]] {
      let form = sizes.form(drawing: drawn, latents: [4, 4, 4])
      let states = try form.joined { part, _ in given[part] }
      #expect(states.shape == [2] + form.shape)
      for part in [DrawnForm.Part.latents, .embedding, .text] {
        let isDrawn = drawn.contains(part.modality)
        #expect(try form.part(part, of: states)?.array == (isDrawn ? given[part].array : nil))
      }
      let row = states.slice(1, count: 1).array
      #expect(Array(row[form.range(of: .text)]) == (drawn.contains(.text) ? given.text.slice(1, count: 1).array : []))
    }
    let plain = DrawnForm(latents: [4, 4, 4])
    #expect(plain.shape == [4, 4, 4] && plain.range(of: .image) == 0..<64)
  }

  /// Of what is not known each evaluation has noise of its own, which its branches share.
  @Test(arguments: [
    (UniDiffuserMode.textToImage, ["text"]), (.imageToText, ["image"]), (.pair, ["image", "text"]), (.imageAlone, ["text"]),
    (.textAlone, ["image"]),
  ])
  func whatAModeAsks(_ mode: UniDiffuserMode, _ noises: [String]) throws {
    let (model, given) = (try model(), try sample())
    let asked = Asked()
    let unknown = UnknownNoise { modality, shapes, evaluation in
      asked.names.append("\(modality)\(evaluation)")
      return try shapes.map { try numbers([1] + $0, 7 + Float(evaluation)) }
    }
    var segments: [ConditionSegment] = []
    if mode.text == .given { segments.append(.text(given.text.reshaped([3, 5]))) }
    if mode.image == .given { segments.append(.picture(latents: given.latents, embedding: given.clipImage)) }
    func condition(_ segments: [ConditionSegment], _ drawn: [Modality]) -> Condition {
      var condition = Condition(segments)
      (condition.draws, condition.unknown) = (drawn, unknown)
      return condition
    }
    let conditions = [condition(segments, mode.drawn)] + mode.drawn.map { condition([], [$0]) }
    let run = try model.prepare(
      conditions, grid: Grid(height: 2, width: 2), timesteps: [500, 20].map { Array(repeating: $0, count: conditions.count) })
    let form = try sizes().form(drawing: mode.drawn, latents: [4, 4, 4])
    let state = try form.joined { part, _ in given[part] }
    let states = try Tensor.concatenated(conditions.map { _ in state })
    let outputs = try (0..<2).map { try run.predict(states, evaluation: $0).copy() }
    #expect(asked.names.sorted() == [0, 1].flatMap { evaluation in noises.map { "\($0)\(evaluation)" } }.sorted())
    let isAlone = mode.image == .unknown || mode.text == .unknown
    for output in outputs {
      #expect((output.slice(0, count: 1).array == output.slice(1, count: 1).array) == isAlone)
    }
    #expect(outputs[0].array != outputs[1].array)
  }

  private final class Asked: @unchecked Sendable { var names: [String] = [] }

  @Test(arguments: [
    (#""num_layers": 2"#, #""num_layers": 3"#), (#""attention_head_dim": 6"#, #""attention_head_dim": 0"#),
    (#""patch_size": 2"#, #""patch_size": 3"#), (#""sample_size": 4"#, #""sample_size": 1e7"#),
  ])
  func sizesThatDoNotFit(_ old: String, _ new: String) { #expect(throws: DecodingError.self) { try sizes(old, new) } }
}
