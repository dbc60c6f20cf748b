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

  private func numbers(_ shape: [Int], _ seed: Float) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { sin(seed + Float($0) * 1.3) }, shape)
  }

  private func sample(_ seed: Float = 1, count: Int = 1, side: Int = 4) throws -> UniDiffuserSample {
    UniDiffuserSample(
      latents: try numbers([count, 4, side, side], seed), clipImage: try numbers([count, 1, 7], seed + 1),
      text: try numbers([count, 3, 5], seed + 2))
  }

  private func all(_ sample: UniDiffuserSample) throws -> [Float] { try sample.joined([.image, .text]).array }

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
      let model = try UniDiffuser(sizes, openCheckpoint(at: folder.file(name)), backend: backend)
      #expect(try all(model.predict(sample(), times: [(300, 20)], dataTypes: [1])) == expected)
    }
    for parameter in parameters {
      var writer = SafetensorsWriter(folder.file("gone.safetensors"))
      for other in parameters where other.name != parameter.name { try writer.add(TensorName(other.name), random.tensor(other)) }
      try writer.write()
      #expect {
        _ = try UniDiffuser(sizes, openCheckpoint(at: folder.file("gone.safetensors")), backend: backend)
      } throws: { "\($0)".contains(diffusersNames(parameter.name)[0]) || "\($0)".contains(parameter.name) }
    }
  }

  @Test func pairsDoNotMix() throws {
    let (model, one, two) = (try model(), try sample(1), try sample(5))
    let both = try model.predict(.concatenated([one, two]), times: [(300, 0), (10, 1000)], dataTypes: [1, 0])
    let first = try all(model.predict(one, times: [(300, 0)], dataTypes: [1]))
    let second = try all(model.predict(two, times: [(10, 1000)], dataTypes: [0]))
    #expect(try all(both) == first + second)
    #expect(try all(model.predict(two, times: [(10, 1000)], dataTypes: [1])) != second)
    // Another grid than the trained one.
    let wide = try model.predict(sample(2, side: 6), times: [(300, 0)], dataTypes: [1])
    #expect(wide.latents.shape == [1, 4, 6, 6] && wide.latents.array.allSatisfy(\.isFinite))
  }

  @Test func whatIsJoinedComesApart() throws {
    let (one, zero) = (try sample(1, count: 2), try sample(9, count: 2))
    for drawn in [[.image], [.text], [.image, .text]] as [[UniDiffuserMode.Modality]] {
      let back = try zero.replacing(drawn, by: one.joined(drawn))
      #expect(try back.joined(drawn).array == one.joined(drawn).array)
      if !drawn.contains(.image) { #expect(back.latents.array == zero.latents.array) }
    }
  }

  /// Which inputs a mode reads, and what it asks for noise.
  @Test(arguments: [
    (UniDiffuserMode.textToImage, ["text"]), (.imageToText, ["image"]), (.pair, ["image", "text"]), (.imageAlone, ["text"]),
    (.textAlone, ["image"]),
  ])
  func whatAModeAsks(_ mode: UniDiffuserMode, _ noises: [String]) throws {
    let (model, given) = (try model(), try sample())
    var asked: [String] = []
    func answer(_ scale: Float) throws -> [Float] {
      asked = []
      let denoiser = UniDiffuserDenoiser(model, mode, given: given, scale: scale)
      return try denoiser.predict(sample(4).joined(mode.drawn), time: 500) { modality in
        asked.append(modality == .image ? "image" : "text")
        return try sample(7)
      }.guided.array
    }
    let guided = try answer(3)
    #expect(asked.sorted() == noises)
    let plain = try answer(1)
    let isKnown = mode.image != .unknown && mode.text != .unknown
    // Without guidance nothing is asked of the other branch, and without another branch there is no guidance.
    #expect(asked.isEmpty == isKnown && (guided != plain) == isKnown)
  }

  @Test(arguments: [
    (#""num_layers": 2"#, #""num_layers": 3"#), (#""attention_head_dim": 6"#, #""attention_head_dim": 0"#),
    (#""patch_size": 2"#, #""patch_size": 3"#), (#""sample_size": 4"#, #""sample_size": 1e7"#),
  ])
  func sizesThatDoNotFit(_ old: String, _ new: String) { #expect(throws: DecodingError.self) { try sizes(old, new) } }
}
