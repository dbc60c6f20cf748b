import DiTCheckpoints
import DiTTensors

/// The deep compression autoencoder of SANA (Chen et al. 2024, arXiv 2410.10733; diffusers' `AutoencoderDC`): 32 times smaller
/// along each side, by shortcuts that take no parameters.
package final class AutoencoderDC: Autoencoder {
  package let configuration: AutoencoderDCConfiguration
  package var latentChannels: Int { configuration.latentChannels }
  package var scaleFactor: Int { configuration.scaleFactor }
  private let backend: Backend
  private let decoder: DCDecoder
  private let encoder: DCEncoder?

  /// - Parameters:
  ///   - checkpoint: under the names of diffusers or of the authors.
  ///   - encoder: whether to load the encoder too, where the checkpoint has one.
  ///   - tiling: bands of rows, which change no number.
  /// - Throws: `LoadError` naming the missing, misshapen or unexpected tensor.
  package init(
    _ configuration: AutoencoderDCConfiguration, checkpoint: Checkpoint, encoder: Bool = true, tiling: Tiling = .automatic,
    backend: Backend
  ) throws {
    let tensors = try checkpoint.withDeepNames()
    self.configuration = configuration
    self.backend = backend
    let parameters = Parameters(tensors, backend: backend)
    decoder = try DCDecoder(configuration, tiling: tiling, parameters)
    self.encoder = encoder && tensors.hasDeepEncoder ? try DCEncoder(configuration, tiling: tiling, parameters) : nil
    let counts = { (name: String) in name.hasSuffix(".num_batches_tracked") }
    try tensors.scoped("decoder.").requireAllRead(except: counts)
    if self.encoder != nil { try tensors.requireAllRead(except: counts) }
  }

  package func decode(_ latents: Tensor, probe: Probe?) throws -> Tensor {
    let unscaled = try configuration.scaling.unscaled(latents)
    return try eachPicture(unscaled) { z in
      try channelsFirst(decoder(z, on: backend, probe: probe)).mapChannels { value, _ in value / 2 + 0.5 }
    }
  }

  /// The very latents: unlike an ``AutoencoderKL`` it makes no distribution of them.
  package func encode(_ picture: Tensor, probe: Probe?) throws -> Tensor {
    guard let encoder else { throw AutoencoderError.noEncoder }
    let signed = try picture.mapChannels { value, _ in 2 * value - 1 }
    return try configuration.scaling.scaled(eachPicture(signed) { try channelsFirst(encoder($0, on: backend, probe: probe)) })
  }

  /// - Parameter body: pixels [1, h, w, C] -> planes.
  private func eachPicture(_ planes: Tensor, _ body: (Tensor) throws -> Tensor) throws -> Tensor {
    try .concatenated((0..<planes.shape[0]).map { try body(channelsLast(planes.slice($0, count: 1))) })
  }
}
