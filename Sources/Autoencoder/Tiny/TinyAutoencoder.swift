import DiTCheckpoints
import Foundation
import DiTTensors

/// The tiny autoencoder TAESD (Bohan, github.com/madebyollin/taesd) with any channels a level.
///
/// Unlike an ``AutoencoderKL`` it takes latents as the sampler leaves them: they are not divided by a scaling factor.
package final class TinyAutoencoder: Autoencoder {
  package let configuration: TinyAutoencoderConfiguration
  package let tiling: Tiling
  package var latentChannels: Int { configuration.latentChannels }
  package var scaleFactor: Int { configuration.scaleFactor }
  private let backend: Backend
  private let decoder: TinyDecoder
  private let encoder: TinyEncoder?

  /// - Parameters:
  ///   - decoder: tensors `layers.N…`, N the index in diffusers' Sequential.
  ///   - encoder: likewise; nil: this autoencoder only decodes.
  /// - Throws: `LoadError` naming the missing, misshapen or unexpected tensor.
  package init(
    _ configuration: TinyAutoencoderConfiguration, decoder: Checkpoint, encoder: Checkpoint?,
    tiling: Tiling = .automatic, backend: Backend
  ) throws {
    self.configuration = configuration
    self.tiling = tiling
    self.backend = backend
    self.decoder = try TinyDecoder(configuration, Parameters(decoder, backend: backend))
    self.encoder = try encoder.map { try TinyEncoder(configuration, Parameters($0, backend: backend)) }
    try decoder.requireAllRead()
    try encoder?.requireAllRead()
  }

  package func decode(_ latents: Tensor, probe: Probe?) throws -> Tensor {
    let (height, width) = (latents.shape[2] * scaleFactor, latents.shape[3] * scaleFactor)
    let prepared = try prepared(latents)
    return try eachPicture(prepared) { try decoder($0, side: tileSide(height, width), on: backend, probe: probe) }
  }

  package func encode(_ picture: Tensor, probe: Probe?) throws -> Tensor {
    guard let encoder else { throw AutoencoderError.noEncoder }
    let side = tileSide(picture.shape[2], picture.shape[3])
    return try normalised(eachPicture(picture) { try encoder($0, side: side, on: backend, probe: probe) })
  }

  // MARK: steps

  /// One picture at a time: the activations of the level nearest the picture are what limits memory.
  /// - Parameter body: pixels [1, h, w, C] -> the same of other sizes.
  private func eachPicture(_ planes: Tensor, _ body: (Tensor) throws -> Tensor) throws -> Tensor {
    try .concatenated((0..<planes.shape[0]).map { try channelsFirst(body(channelsLast(planes.slice($0, count: 1)))) })
  }

  private func tileSide(_ height: Int, _ width: Int) -> Int? {
    tiling.side(height: height, width: width, usual: 1_024, step: scaleFactor)
  }

  /// z · std + mean, then soft clamping to ±3.
  private func prepared(_ latents: Tensor) throws -> Tensor {
    let (mean, std) = (configuration.latentsMean, configuration.latentsStd)
    return try latents.mapChannels { value, c in 3 * tanhf((value * (std?[c] ?? 1) + (mean?[c] ?? 0)) / 3) }
  }

  private func normalised(_ latents: Tensor) throws -> Tensor {
    let (mean, std) = (configuration.latentsMean, configuration.latentsStd)
    guard mean != nil || std != nil else { return latents }
    return try latents.mapChannels { value, c in (value - (mean?[c] ?? 0)) / (std?[c] ?? 1) }
  }
}
