import DiTCheckpoints
import DiTTensors

/// The autoencoder of Stable Diffusion, SDXL, DiT and PixArt (Rombach et al. 2022, arXiv:2112.10752; diffusers'
/// `AutoencoderKL`).
package final class AutoencoderKL: Autoencoder, @unchecked Sendable {
  package let configuration: AutoencoderKLConfiguration
  package let tiling: Tiling
  package var latentChannels: Int { configuration.latentChannels }
  package var scaleFactor: Int { configuration.scaleFactor }
  private let backend: Backend
  private let decoder: KLDecoder
  private let encoder: KLEncoder?

  /// - Parameters:
  ///   - checkpoint: under the names of diffusers or CompVis.
  ///   - encoder: whether to load the encoder too, where the checkpoint has one.
  /// - Throws: `LoadError` naming the missing, misshapen or unexpected tensor.
  package init(
    _ configuration: AutoencoderKLConfiguration, checkpoint: Checkpoint, encoder: Bool = true,
    tiling: Tiling = .automatic, backend: Backend
  ) throws {
    let tensors = try checkpoint.withDiffusersNames()
    self.configuration = configuration
    self.tiling = tiling
    self.backend = backend
    decoder = try KLDecoder(configuration, tensors, backend: backend)
    let hasEncoder = tensors.contains("encoder.conv_in.weight")
    self.encoder = encoder && hasEncoder ? try KLEncoder(configuration, tensors, backend: backend) : nil
    try tensors.scoped("decoder.").requireAllRead()
    if self.encoder != nil { try tensors.requireAllRead() }
  }

  // MARK: decoding

  package func decode(_ latents: Tensor) throws -> Tensor { try decode(latents, observe: nil) }

  /// Latents [B, C, h, w] as the sampler leaves them -> picture [B, 3, h·8, w·8] in 0…1, before clamping.
  /// - Parameter observe: is shown `conv_in`, `mid_attention`, `mid` and `up0`… as planes [1, C, h, w], picture by
  ///   picture.
  package func decode(_ latents: Tensor, observe: Observer?) throws -> Tensor {
    let unscaled = try configuration.scaling.unscaled(latents)
    return try eachPicture(unscaled) { z in  // [1, h, w, C]
      let pixels = try tiled(z, of: .latents) { try decoder($0, on: backend, observe: observe) }  // [1, H, W, 3]
      return try channelsFirst(pixels).mapChannels { value, _ in value / 2 + 0.5 }
    }
  }

  // MARK: encoding

  /// Picture [B, 3, H, W] in 0…1 -> the means of its latents [B, C, H/8, W/8], scaled for the transformer.
  package func encode(_ picture: Tensor) throws -> Tensor {
    try configuration.scaling.scaled(try distribution(of: picture).mean)
  }

  /// As ``encode(_:)``, but a sample of the latents instead of their means.
  /// - Parameter noise: [B, C, H/8, W/8], standard normal.
  package func encode(_ picture: Tensor, noise: Tensor) throws -> Tensor {
    try configuration.scaling.scaled(try distribution(of: picture).sample(noise))
  }

  /// Picture [B, 3, H, W] in 0…1 -> the distribution of its latents, before scaling.
  /// - Parameter observe: is shown `down0`…, `mid_attention` and `mid` as planes [1, C, h, w], picture by picture.
  /// - Throws: ``AutoencoderError/noEncoder``
  package func distribution(of picture: Tensor, observe: Observer? = nil) throws -> LatentDistribution {
    guard let encoder else { throw AutoencoderError.noEncoder }
    let signed = try picture.mapChannels { value, _ in 2 * value - 1 }
    return try LatentDistribution(
      moments: try eachPicture(signed) { pixels in  // [1, H, W, 3]
        try channelsFirst(tiled(pixels, of: .pixels) { try encoder($0, on: backend, observe: observe) })
      })
  }

  // MARK: steps

  /// One picture at a time: the activations of the level nearest the picture are what limits memory.
  private func eachPicture(_ planes: Tensor, _ body: (Tensor) throws -> Tensor) throws -> Tensor {
    try .concatenated((0..<planes.shape[0]).map { try body(channelsLast(planes.slice($0, count: 1))) })
  }

  private enum Grid { case latents, pixels }

  /// - Parameter x: [1, h, w, C], latents or pixels.
  private func tiled(_ x: Tensor, of grid: Grid, _ body: (Tensor) throws -> Tensor) throws -> Tensor {
    let factor = grid == .latents ? scaleFactor : 1
    let side = tiling.side(
      height: x.shape[1] * factor, width: x.shape[2] * factor, usual: min(max(configuration.sampleSize, 512), 1_024),
      step: 4 * scaleFactor)  // a quarter of a tile has to be whole latents
    guard let side else { return try body(x) }
    let latents = side / scaleFactor
    return grid == .latents
      ? try inBlendedTiles(x, side: latents, resultSide: side, body)
      : try inBlendedTiles(x, side: side, resultSide: latents, body)
  }
}
