import DiTAutoencoder
import DiTCheckpoints
import Foundation
import DiTTensors
import DiTTestSupport
import Testing

/// What is wrong with a file is said in one line.
@Suite struct BadInputTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func load(_ tensors: [String: Tensor], encoder: Bool = true) throws {
    _ = try loadAutoencoder(at: folder.write("vae.safetensors", tensors), backend: float32, encoder: encoder)
  }

  @Test func tensorsThatDoNotFit() throws {
    let kl = try SyntheticKL(channels: [32, 64], layers: 1)
    try load(kl.tensors)
    for name in kl.tensors.keys where name.hasPrefix("decoder.mid_block") || name.hasPrefix("encoder.down") {
      var broken = kl
      broken[name] = nil
      expectError("vae.safetensors", name) { try load(broken.tensors) }
      broken[name] = try Tensor([7, 5, 3, 3])
      expectError("vae.safetensors", name, "[7, 5, 3, 3]") { try load(broken.tensors) }
    }
    for name in ["decoder.conv_in.weight", "decoder.up_blocks.0.resnets.0.conv1.weight"] {
      for shape in [[], [32], [0, 0, 3, 3], [1, 1 << 20, 1, 1]] where shape.reduce(1, *) < 1 << 21 {
        var broken = kl
        broken[name] = try Tensor(shape)
        expectError("vae.safetensors") { try load(broken.tensors) }
      }
    }
    var more = kl
    more["decoder.up_blocks.0.attentions.0.to_q.weight"] = try Tensor([64, 64])
    expectError("unexpected", "decoder.up_blocks.0.attentions.0.to_q.weight") { try load(more.tensors) }
    var narrow = try SyntheticKL(channels: [8, 16], layers: 1)
    expectError("config.json", "32 groups") { try load(narrow.tensors) }
    narrow["quantize.embedding.weight"] = try Tensor([4, 4])
    expectError("VQ") { try load(narrow.tensors) }
  }

  @Test func tinyTensorsThatDoNotFit() throws {
    let tiny = try SyntheticTiny(channels: [8, 8], blocks: [1, 1], latents: 4, pooled: true)
    try load(tiny.tensors)
    for name in tiny.tensors.keys where !["1.weight", "3.conv.0.weight", "3.pool.0.weight"].contains(name) {
      var broken = tiny.tensors
      broken[name] = nil
      expectError("vae.safetensors", "no tensor") { try load(broken) }
      broken[name] = try Tensor([5, 7])
      expectError("vae.safetensors", "[5, 7]") { try load(broken) }
    }
    var more = tiny.tensors
    more["3.skip.weight"] = try Tensor([8, 8, 1, 1])
    expectError("unexpected", "skip.weight") { try load(more) }
  }

  @Test func filesOfOtherKinds() throws {
    expectError("no autoencoder", "blocks.0.weight") { try load(["blocks.0.weight": try Tensor([2, 2])]) }
    expectError("no tensors") { try load([:]) }
    expectError("without its decoder") { try load(["encoder.conv_in.weight": try Tensor([32, 3, 3, 3])]) }
    // Without an error these would be drawn black.
    for name in ["encoder.layers.0.weight", "taesd_encoder.0.weight"] {
      expectError("without its decoder") { try load([name: try Tensor([8, 3, 3, 3])]) }
    }
    expectError("nowhere") { _ = try AutoencoderSource(folder.file("nowhere")) }
    try folder.write("config.json", #"{"_class_name": "AutoencoderOobleck"}"#)
    expectError("config.json", "AutoencoderOobleck") { _ = try AutoencoderSource(folder.url) }
  }

  @Test(arguments: [
    (#""norm_num_groups": 32"#, #""norm_num_groups": 0"#, "norm_num_groups"),
    (#""norm_num_groups": 32"#, #""norm_num_groups": 24"#, "24 groups"),
    (#"[32, 64]"#, "[]", "levels"), (#"[32, 64]"#, "[32, -64]", "block_out_channels"),
    (#"[32, 64]"#, "[32, 1000000]", "block_out_channels"), (#"[32, 64]"#, #""many""#, "block_out_channels"),
    (#""latent_channels": 4"#, #""latent_channels": 1e9"#, "latent_channels"),
    (#""latent_channels": 4"#, #""latent_channels": 8"#, "post_quant_conv"),
    (#""layers_per_block": 1"#, #""layers_per_block": 99999"#, "layers_per_block"),
    (#""layers_per_block": 1"#, #""layers_per_block": 2"#, "resnets"),
    (#""scaling_factor": 1"#, #""scaling_factor": 0"#, "scaling_factor"),
    (#""scaling_factor": 1"#, #""scaling_factor": -1"#, "scaling_factor"),
    (#""act_fn": "silu""#, #""act_fn": "gelu""#, "act_fn"),
    (#""act_fn": "silu""#, #""latents_std": [1]"#, "latents_std"),
    (#""act_fn": "silu""#, #""down_block_types": ["AttnDownEncoderBlock2D"]"#, "AttnDownEncoderBlock2D"),
    (#"AutoencoderKL"#, "AutoencoderTiny", "AutoencoderTiny"),
  ])
  func configurations(_ from: String, _ to: String, _ named: String) throws {
    try folder.write("diffusion_pytorch_model.safetensors", SyntheticKL(channels: [32, 64], layers: 1).tensors)
    let good = """
      {"_class_name": "AutoencoderKL", "block_out_channels": [32, 64], "latent_channels": 4, "layers_per_block": 1, \
      "norm_num_groups": 32, "scaling_factor": 1, "act_fn": "silu"}
      """
    try folder.write("config.json", good)
    _ = try loadAutoencoder(at: folder.url, backend: float32, encoder: true)
    try folder.write("config.json", good.replacingOccurrences(of: from, with: to))
    expectError(folder.url.lastPathComponent, named) {
      _ = try loadAutoencoder(at: folder.url, backend: float32, encoder: true)
    }
  }
}
