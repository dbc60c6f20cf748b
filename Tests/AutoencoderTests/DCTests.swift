import DiTAutoencoder
import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// `AutoencoderDC` in both of its published forms: by its goldens in the verifier's tests, by what must not change a number here.
@Suite struct DCTests {
  static let sana = Fixtures.url("dc-ae/sana-style")
  /// As DC-AE's for ImageNet: channels that become pixels, batch norms, a first level without blocks, attention without scales.
  static let imageNet = """
    {"_class_name": "AutoencoderDC", "attention_head_dim": 4, "latent_channels": 8, "scaling_factor": 0.3189,
    "encoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock"],
    "decoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock"],
    "encoder_block_out_channels": [8, 8, 16, 16], "decoder_block_out_channels": [8, 8, 16, 16],
    "encoder_layers_per_block": [0, 1, 2, 1], "decoder_layers_per_block": [0, 2, 1, 1],
    "encoder_qkv_multiscales": [[], [], [], []], "decoder_qkv_multiscales": [[], [], [], []],
    "decoder_norm_types": ["batch_norm", "batch_norm", "rms_norm", "rms_norm"],
    "decoder_act_fns": ["relu", "relu", "silu", "silu"]}
    """
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Random weights of a configuration, in a folder.
  private func made(_ configuration: String) throws -> URL {
    try folder.write("config.json", configuration)
    let sizes = try readConfiguration(AutoencoderDCConfiguration.self, at: folder.file("config.json"))
    var writer = SafetensorsWriter(folder.file("diffusion_pytorch_model.safetensors"))
    for parameter in try sizes.listing().parameters { try writer.add(parameter, seed: 3, as: .f32) }
    try writer.write()
    return folder.file("config.json").deletingLastPathComponent()
  }

  private func load(_ url: URL, _ tiling: Tiling = .never) throws -> any Autoencoder {
    try loadAutoencoder(at: url, backend: float32, encoder: true, tiling: tiling)
  }

  private func latents(_ model: any Autoencoder, _ height: Int, _ width: Int) throws -> Tensor {
    var numbers = Numbers(5)
    return try numbers.tensor([1, model.latentChannels, height, width])
  }

  @Test func bandsChangeNoNumber() throws {
    for url in [Self.sana, try made(Self.imageNet)] {
      let whole = try load(url)
      let z = try latents(whole, 5, 3)
      let picture = try whole.decode(z), encoded = try whole.encode(picture)
      #expect(picture.shape == [1, 3, 5 * whole.scaleFactor, 3 * whole.scaleFactor] && encoded.shape == z.shape)
      for side in [1, 2, 6, 8, 16, 24] {
        let banded = try load(url, .side(side))
        #expect(try banded.decode(z).array == picture.array, "\(side)")
        #expect(try banded.encode(picture).array == encoded.array, "\(side)")
      }
      let threads = try Backend(.native, precision: .f32, threads: 3)
      #expect(try loadAutoencoder(at: url, backend: threads, encoder: false).decode(z).array == picture.array)
    }
  }

  /// Names of mit-han-lab/efficientvit, with queries, keys and values in one tensor.
  @Test func authorsNames() throws {
    for url in [Self.sana, try made(Self.imageNet)] {
      let stored = try openCheckpoint(at: url)
      var tensors: [String: Tensor] = [:]
      for record in stored.records {
        let name = record.name.string
        if name.hasSuffix("attn.to_k.weight") || name.hasSuffix("attn.to_v.weight") { continue }
        let tensor = try stored.tensor(name)
        guard name.hasSuffix("attn.to_q.weight") else {
          tensors[Self.authorsName(name)] = tensor
          continue
        }
        let parts = try ["q", "k", "v"].map { try stored.tensor(name.replacing("to_q", with: "to_" + $0)) }
        let joined = try Tensor.concatenated(parts)
        tensors[Self.authorsName(name)] = joined.reshaped(joined.shape + [1, 1])
      }
      let other = try TemporaryFolder()
      try other.copy(url.appendingPathComponent("config.json"))
      let file = try other.write("model.safetensors", tensors)
      let model = try load(url), renamed = try load(file)
      let z = try latents(model, 2, 3)
      let picture = try model.decode(z)
      #expect(try renamed.decode(z).array == picture.array)
      #expect(try renamed.encode(picture).array == model.encode(picture).array)
      // One row short, they cannot be three.
      let qkv = try #require(tensors.keys.first { $0.hasSuffix("qkv.conv.weight") })
      tensors[qkv] = try Tensor([4, 16, 1, 1])
      try other.write("model.safetensors", tensors)
      expectError("model.safetensors", qkv) { _ = try load(file) }
    }
  }

  private static func authorsName(_ name: String) -> String {
    var name = name
    for half in ["encoder", "decoder"] {
      name = name.replacing("\(half).\(half == "encoder" ? "down" : "up")_blocks.", with: "\(half).stages.")
        .replacing(/stages\.(\d+)\.(\d+)\./) { "stages.\($0.1).op_list.\($0.2)." }
    }
    let parts = [
      ("encoder.conv_in.", "encoder.project_in.conv."), ("encoder.conv_out.", "encoder.project_out.main.op_list.0.conv."),
      ("decoder.conv_in.", "decoder.project_in.main.conv."), ("decoder.norm_out.", "decoder.project_out.op_list.0."),
      ("decoder.conv_out.", "decoder.project_out.op_list.2.conv."), (".attn.to_q.", ".context_module.main.qkv.conv."),
      (".attn.to_qkv_multiscale.0.proj_in.", ".context_module.main.aggreg.0.0."),
      (".attn.to_qkv_multiscale.0.proj_out.", ".context_module.main.aggreg.0.1."),
      (".attn.to_out.", ".context_module.main.proj.conv."), (".attn.norm_out.", ".context_module.main.proj.norm."),
      (".conv_out.conv_inverted.", ".local_module.main.inverted_conv.conv."),
      (".conv_out.conv_depth.", ".local_module.main.depth_conv.conv."),
      (".conv_out.conv_point.", ".local_module.main.point_conv.conv."), (".conv_out.norm.", ".local_module.main.point_conv.norm."),
    ]
    if let part = parts.first(where: { name.contains($0.0) }) { return name.replacing(part.0, with: part.1, maxReplacements: 1) }
    if name.hasPrefix("encoder.stages.") || name.hasPrefix("decoder.stages.") {
      for (old, new) in [(".conv1.", ".main.conv1.conv."), (".conv2.", ".main.conv2.conv."), (".norm.", ".main.conv2.norm.")]
      where name.contains(old) { return name.replacing(old, with: new) }
      return name.replacing(".conv.", with: ".main.conv.conv.")
    }
    return name
  }

  /// Sizes come from the tensors where no configuration tells them; the scale of latents does not.
  @Test func filesWithoutConfiguration() throws {
    for url in [Self.sana, try made(Self.imageNet)] {
      let stated = try #require(try AutoencoderSource(url).configuration as? AutoencoderDCConfiguration)
      let other = try TemporaryFolder()
      try other.copy(url.appendingPathComponent("diffusion_pytorch_model.safetensors"), as: "dc.safetensors")
      expectError("dc.safetensors", "scale of its \(stated.latentChannels)-channel latents") {
        _ = try AutoencoderSource(other.file("dc.safetensors"))
      }
      guard url == Self.sana else {  // no tensor tells the heads where there are no scales
        expectError("dc.safetensors", "attention_head_dim 32") {
          _ = try AutoencoderSource(other.file("dc.safetensors"), scaling: stated.scaling)
        }
        continue
      }
      let found = try AutoencoderSource(other.file("dc.safetensors"), scaling: stated.scaling)
      #expect(found.configuration.fields == stated.fields)
      let z = try latents(load(url), 1, 2)
      #expect(try found.load(backend: float32, encoder: false).decode(z).array == load(url).decode(z).array)
      #expect(try found.listing().parameters.map(\.name).sorted() == openCheckpoint(at: url).records.map(\.name.string).sorted())
    }
  }

  @Test func aDecoderAloneCannotEncode() throws {
    let stored = try openCheckpoint(at: Self.sana)
    try folder.copy(Self.sana.appendingPathComponent("config.json"))
    let file = try folder.write("vae.safetensors", stored) { $0.hasPrefix("decoder.") ? $0 : nil }
    let model = try load(file)
    #expect(try model.decode(latents(model, 1, 1)).shape == [1, 3, 8, 8])
    expectError("no encoder") { _ = try model.encode(try Tensor([1, 3, 8, 8])) }
    let encoder = try folder.write("vae.safetensors", stored) { $0.hasPrefix("encoder.") ? $0 : nil }
    expectError("vae.safetensors", "encoder without its decoder") { _ = try load(encoder) }
  }

  @Test func tensorsThatDoNotFit() throws {
    let stored = try openCheckpoint(at: Self.sana)
    var tensors: [String: Tensor] = [:]
    for record in stored.records { tensors[record.name.string] = try stored.tensor(record.name.string) }
    try folder.copy(Self.sana.appendingPathComponent("config.json"))
    for name in tensors.keys.sorted().enumerated().filter({ $0.offset % 7 == 0 }).map(\.element) {
      var broken = tensors
      broken[name] = nil
      try folder.write("vae.safetensors", broken)
      expectError("vae.safetensors", name) { _ = try load(folder.file("vae.safetensors")) }
      broken[name] = try Tensor([7, 5, 3, 3])
      try folder.write("vae.safetensors", broken)
      expectError("vae.safetensors", name) { _ = try load(folder.file("vae.safetensors")) }
    }
    tensors["decoder.up_blocks.0.9.conv1.weight"] = try Tensor([6, 6, 3, 3])
    try folder.write("vae.safetensors", tensors)
    expectError("unexpected", "decoder.up_blocks.0.9.conv1.weight") { _ = try load(folder.file("vae.safetensors")) }
  }

  /// Each in one line that names the file and the field, before anything of that size is made.
  @Test(arguments: [
    ("\"attention_head_dim\": 4", "\"attention_head_dim\": 0", "attention_head_dim is 0"),
    ("\"attention_head_dim\": 4", "\"attention_head_dim\": 4.5", "attention_head_dim is 4.5"),
    ("\"attention_head_dim\": 4", "\"attention_head_dim\": 32", "fewer than attention_head_dim"),
    ("\"latent_channels\": 8", "\"latent_channels\": -8", "latent_channels is -8"),
    ("\"latent_channels\": 8", "\"latent_channels\": 7", "no multiple of latent_channels 7"),
    ("0.3189", "0", "scaling_factor is 0"), ("0.3189", "NaN", "scaling_factor"),
    ("[8, 8, 16, 16], \"decoder", "[8, 8, 16], \"decoder", "for 3 levels"),
    ("[8, 8, 16, 16], \"decoder", "[8, 8, 16, 4611686018427387904], \"decoder", "channels"),
    ("[8, 8, 16, 16], \"decoder", "[8, 8, 24, 16], \"decoder", "from 8 to 24 channels"),
    ("[8, 8, 16, 16], \"decoder", "[8, 6, 16, 16], \"decoder", "from 3 to 6 channels"),
    ("[8, 8, 16, 16], \"decoder", "[8, 8, 16, 16384], \"decoder", "from 16 to 16384"),
    ("[0, 1, 2, 1]", "[0, 1, 0, 1]", "0 layers in level 2"), ("[0, 1, 2, 1]", "[0, 1, 2, 65]", "65 layers"),
    ("\"encoder_qkv_multiscales\": [[], [], [], []]", "\"encoder_qkv_multiscales\": [[], [], [], [4]]", "odd numbers"),
    ("\"ResBlock\", \"EfficientViTBlock\"],\n\"dec", "\"ResBlock\", \"Mamba\"],\n\"dec", "Mamba"),
    ("\"batch_norm\", \"batch_norm\"", "\"batch_norm\", \"layer_norm\"", "layer_norm"),
    ("[\"relu\", \"relu\"", "[\"relu\", \"swiglu\"", "swiglu"), ("[\"relu\", \"relu\"", "[\"relu\"", "3 entries for 4 levels"),
  ])
  func badConfigurations(_ old: String, _ new: String, _ message: String) throws {
    let text = Self.imageNet.replacing(old, with: new)
    #expect(text != Self.imageNet, "\(old)")
    try folder.write("config.json", text)
    expectError("config.json", message) {
      _ = try readConfiguration(AutoencoderDCConfiguration.self, at: folder.file("config.json"), keepingNonFinite: true)
    }
  }
}
