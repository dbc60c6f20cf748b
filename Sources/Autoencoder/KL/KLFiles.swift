import DiTCheckpoints
import DiTTensors

/// An `AutoencoderKL` on disk.
struct KLFiles: AutoencoderKind {
  static let classNames = ["AutoencoderKL"]

  private let sizes: AutoencoderKLConfiguration
  /// Under diffusers' names.
  private let tensors: Checkpoint
  var configuration: any AutoencoderConfiguration { sizes }

  init?(_ place: AutoencoderPlace) throws {
    func other(_ found: String) -> AutoencoderError { .unknown(path: place.weights.path, found: found) }
    guard !place.tensors.contains("quantize.embedding.weight") else {
      throw other("a VQ autoencoder, which holds codes, not latents")
    }
    guard place.tensors.contains("decoder.conv_in.weight") else {
      guard place.tensors.contains("encoder.conv_in.weight") else { return nil }
      throw other("an encoder without its decoder")
    }
    tensors = try place.tensors.withDiffusersNames()
    sizes = try place.configuration(of: Self.classNames, as: AutoencoderKLConfiguration.self)
      ?? AutoencoderKLConfiguration(tensors: tensors, scaling: place.scaling ?? Self.usualScaling(place.all, tensors))
  }

  func listing() throws -> NetworkListing { try sizes.listing() }

  func load(backend: Backend, encoder: Bool, tiling: Tiling) throws -> any Autoencoder {
    try AutoencoderKL(sizes, checkpoint: tensors, encoder: encoder, tiling: tiling, backend: backend)
  }

  /// Weights do not tell their latents' scale; four channels are Stable Diffusion's unless SDXL's text encoders lie
  /// beside them.
  private static func usualScaling(_ all: Checkpoint, _ tensors: Checkpoint) throws -> LatentScaling {
    if all.records.contains(where: { $0.name.hasPrefix("conditioner.embedders.") }) { return .stableDiffusionXL }
    let channels = try tensors.matrixShape("decoder.conv_in.weight")[1]
    guard channels == 4 else { throw AutoencoderError.scalingUnknown(path: all.location, channels: channels) }
    return .stableDiffusion
  }
}
