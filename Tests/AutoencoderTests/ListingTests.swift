import DiTAutoencoder
import DiTCheckpoints
import DiTTensors
import DiTTestSupport
import Foundation
import Testing

/// Autoencoders as they are declared: what they list is what they read, and what is wrong with a file is said by name.
@Suite struct ListingTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func kl(_ channels: [Int], groups: Int, layers: Int = 1) throws -> AutoencoderKLConfiguration {
    let fields = #"{"block_out_channels": \#(channels), "norm_num_groups": \#(groups), "layers_per_block": \#(layers)}"#
    return try JSONDecoder().decode(AutoencoderKLConfiguration.self, from: Data(fields.utf8))
  }

  private func tiny() throws -> TinyAutoencoderConfiguration {
    let fields = """
      {"latent_channels": 4, "decoder_block_out_channels": [8, 6], "num_decoder_blocks": [1, 1], \
      "encoder_block_out_channels": [6, 8], "num_encoder_blocks": [1, 1]}
      """
    return try JSONDecoder().decode(TinyAutoencoderConfiguration.self, from: Data(fields.utf8))
  }

  /// Loads a file of random numbers and computes with it, in both directions.
  private func load(_ parameters: [Parameter], as configuration: any AutoencoderConfiguration) throws {
    var writer = SafetensorsWriter(folder.file("vae.safetensors"))
    for parameter in parameters { try writer.add(parameter, seed: 1, as: .f16) }
    try writer.write()
    let file = try openCheckpoint(at: folder.file("vae.safetensors"))
    let model: any Autoencoder
    if let configuration = configuration as? AutoencoderKLConfiguration {
      model = try AutoencoderKL(configuration, checkpoint: file, backend: float32)
    } else {
      model = try TinyAutoencoder(
        #require(configuration as? TinyAutoencoderConfiguration), decoder: file.scoped("decoder."),
        encoder: file.scoped("encoder."), backend: float32)
    }
    try file.requireAllRead()
    let factor = configuration.scaleFactor
    let image = try model.decode(try Tensor([1, configuration.latentChannels, 2, 3]))
    #expect(image.shape == [1, 3, 2 * factor, 3 * factor] && image.array.allSatisfy(\.isFinite))
    #expect(try model.encode(image).shape == [1, configuration.latentChannels, 2, 3])
  }

  @Test func damageIsNamed() throws {
    for configuration in [try kl([4, 8], groups: 2), try tiny()] as [any AutoencoderConfiguration] {
      let parameters = try configuration.listing().parameters
      try load(parameters, as: configuration)
      for (index, parameter) in parameters.enumerated() {
        var broken = parameters
        broken[index] = Parameter(parameter.name, parameter.shape + [7])
        expectError("vae.safetensors", parameter.name, "\(parameter.shape + [7])") {
          try load(broken, as: configuration)
        }
        guard parameter.name != "encoder.conv_in.weight" else { continue }  // without it there is no encoder
        expectError("vae.safetensors", parameter.name, "no tensor") {
          try load(parameters.filter { $0 != parameter }, as: configuration)
        }
      }
    }
  }

  /// A listing is that of diffusers' own files, optional parts included.
  @Test func filesAreTheirListings() throws {
    func shapes(_ list: some Sequence<(String, [Int])>) -> Set<String> { Set(list.map { "\($0) \($1)" }) }
    for name in ["kl-b", "tiny"] {
      let stored = try openCheckpoint(at: Fixtures.url("vae/" + name)).records
      let listed = try AutoencoderSource(Fixtures.url("vae/" + name)).listing().parameters
      #expect(shapes(listed.map { ($0.name, $0.shape) }) == shapes(stored.map { ($0.name.string, $0.shape) }))
    }
    let pooled = try SyntheticTiny(channels: [8, 6], blocks: [1, 1], latents: 4, pooled: true)
    let listing = try AutoencoderSource(folder.write("taesd.safetensors", pooled.tensors)).listing()
    let count = pooled.tensors.values.reduce(0) { $0 + $1.count }
    #expect(listing.costs(Workload()).total.parameters == count)
  }

  /// Stable Diffusion's has 83,653,863 parameters; its work is counted here another way, product by product.
  @Test func costs() throws {
    let listing = try kl([128, 256, 512, 512], groups: 32, layers: 2).listing()
    let latents = 64 * 64
    let costs = listing.costs(Workload(latents: latents))
    #expect(costs.map(\.name) == ["decoder", "encoder (for --image alone)"])
    #expect(costs.total.parameters == 83_653_863)
    #expect(costs[1].cost.multiplyAdds == 0)
    var work = 4 * 4 + 9 * 4 * 512  // post_quant_conv and conv_in, for each latent
    work += 4 * 9 * 512 * 512 + 4 * 512 * 512 + 2 * 512 * latents  // the middle
    work += 6 * 9 * 512 * 512 + 4 * 9 * 512 * 512  // level 0, and the convolution after its doubling
    work += 4 * 6 * 9 * 512 * 512 + 16 * 9 * 512 * 512
    work += 16 * (9 * 512 * 256 + 512 * 256 + 5 * 9 * 256 * 256) + 64 * 9 * 256 * 256
    work += 64 * (9 * 256 * 128 + 256 * 128 + 5 * 9 * 128 * 128 + 9 * 128 * 3)
    #expect(costs[0].cost.multiplyAdds == work * latents)
  }
}
